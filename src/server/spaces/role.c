#include "server/spaces/role.h"

#include <string.h>

static const char *const roles[] = {"owner", "admin", "member"};
enum { OWNER, ADMIN, MEMBER, ROLES };

static const struct {
    const char *resource;
    const char *actions[ROLES];
} rights[] = {
    {"organization", {"update,delete", "update", ""}},
    {"member", {"create,update,delete", "create,update,delete", ""}},
    {"invitation", {"create,cancel", "create,cancel", ""}},
    {"team", {"create,update,delete", "create,update,delete", ""}},
    {"ac", {"create,read,update,delete", "create,read,update,delete", "read"}},
};

static bool listed(const char *list, const char *word, size_t len)
{
    while (*list) {
        size_t part = strcspn(list, ",");
        if (part == len && memcmp(list, word, len) == 0)
            return true;
        list += part + (list[part] == ',');
    }
    return false;
}

bool role_has(const char *list, const char *role)
{
    return listed(list, role, strlen(role));
}

const char *role_highest(const char *list)
{
    for (int i = OWNER; i < MEMBER; i++)
        if (role_has(list, roles[i]))
            return roles[i];
    return roles[MEMBER];
}

bool role_known(const char *role, size_t len)
{
    for (int i = OWNER; i < ROLES; i++)
        if (strlen(roles[i]) == len && memcmp(role, roles[i], len) == 0)
            return true;
    return false;
}

size_t role_unknown(const char *list, char *out, size_t size)
{
    size_t len = 0;
    for (const char *at = list; *at;) {
        size_t part = strcspn(at, ",");
        if (!role_known(at, part) && len + part + 3 < size) {
            if (len > 0) {
                memcpy(out + len, ", ", 2);
                len += 2;
            }
            memcpy(out + len, at, part);
            len += part;
        }
        at += part + (at[part] == ',');
    }
    out[len] = '\0';
    return len;
}

const char *role_actions(const char *role, const char *resource)
{
    for (size_t r = 0; r < sizeof rights / sizeof rights[0]; r++)
        for (int i = OWNER; i < ROLES && strcmp(rights[r].resource, resource) == 0; i++)
            if (strcmp(roles[i], role) == 0)
                return rights[r].actions[i];
    return NULL;
}

bool role_may(const char *list, const char *resource, const char *action)
{
    for (int i = OWNER; i < ROLES; i++) {
        const char *actions = role_actions(roles[i], resource);
        if (role_has(list, roles[i]) && actions && role_has(actions, action))
            return true;
    }
    return false;
}
