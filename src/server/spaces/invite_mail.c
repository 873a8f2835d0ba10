#include "server/spaces/invite_mail.h"

#include "base/utf8.h"
#include "server/mail.h"

#include <string.h>

#define NAME_SHOWN_MAX 80

char *invite_mail_plain(struct arena *a, const char *text, size_t max)
{
    size_t len = utf8_cut(text, strlen(text), max);
    char *plain = arena_copy(a, text, len);
    for (size_t i = 0; plain && i < len; i++) {
        unsigned char c = (unsigned char)plain[i];
        bool link = c == '/' || c == ':' || c == '<' || c == '>' || c == '@' ||
                    (c == '.' && i + 1 < len && plain[i + 1] != ' ');
        if (c < 0x20 || c == 0x7f || link)
            plain[i] = ' ';
    }
    return plain;
}

void invite_mail(struct call *c, const struct invitation *row, const struct space *s,
                 const char *secret)
{
    const char *space = invite_mail_plain(c->arena, s->name, NAME_SHOWN_MAX);
    const char *who = invite_mail_plain(c->arena, c->session->name, NAME_SHOWN_MAX);
    if (!space || !who)
        return;
    struct mail mail = {
        .to = row->email,
        .subject = arena_printf(c->arena, "Einladung / Invitation: %s", space),
        .text = arena_printf(
            c->arena,
            "%s (%s) lädt dich in den Raum \"%s\" ein.\n"
            "%s (%s) invites you to the space \"%s\".\n"
            "\n"
            "%s/accept-invitation?id=%s&secret=%s\n"
            "\n"
            "Der Link gilt 48 Stunden und nur für dich: bitte nicht weitergeben.\n"
            "The link is good for 48 hours and for you alone: please do not pass it on.\n",
            who, c->session->email, space, who, c->session->email, space, c->server->origin,
            row->id, secret),
    };
    struct raum_error error = {0};
    int rc = mail.subject && mail.text && c->server->mailer
                 ? mailer_send(c->server->mailer, &mail, &error)
                 : RAUM_ENOMEM;
    if (rc < 0)
        NET_LOG(c->server->options.log, LOG_WARNING, "invitation not mailed",
                {"invitation", row->id, 0}, {"code", raum_code_name(rc), 0});
}
