/* The functions behind auth_routes, by file. Inside src/server/auth only. */
#ifndef SERVER_AUTH_ROUTES_H
#define SERVER_AUTH_ROUTES_H

#include "server/call.h"

/* signup.c */
int sign_up(struct call *c) BASE_CHECK;
int sign_in(struct call *c) BASE_CHECK;
int sign_out(struct call *c) BASE_CHECK;

/* user.c */
int update_user(struct call *c) BASE_CHECK;
int change_email(struct call *c) BASE_CHECK;
int delete_user(struct call *c) BASE_CHECK;
int list_accounts(struct call *c) BASE_CHECK;

/* password.c */
int change_password(struct call *c) BASE_CHECK;
int request_reset(struct call *c) BASE_CHECK;
int follow_reset(struct call *c) BASE_CHECK; /* the mail's link */
int reset_password(struct call *c) BASE_CHECK;

/* verify.c */
int send_verification(struct call *c) BASE_CHECK;
int verify_email(struct call *c) BASE_CHECK;
/* Queues the mail that proves an address. to: the new one when it is to change, else NULL.
 * callback NULL: our own page. Mail that cannot be queued is logged and no error. */
int verify_mail(struct call *c, const char *account, const char *email, const char *to,
                const char *callback) BASE_CHECK;

/* Answers with a redirect as Better Auth does. */
int auth_redirect(struct call *c, const char *url) BASE_CHECK;

#endif
