/* A task in the personal space, read back through SQL: all a program needs to keep data in spaces.
 *     cc notes.c $(pkg-config --cflags --libs raum) -o notes && ./notes folder */
#include <raum/raum.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
    struct raum_options options = {.folder = argc > 1 ? argv[1] : "notes"};
    struct raum_error error = {0};
    struct raum *raum = NULL;
    struct raum_handle *scope = NULL;
    struct raum_query *query = NULL;
    const char *task = "{\"title\":\"Buy bread\"}";
    int result = raum_open(&raum, &options, &error);
    if (result == 0)
        result = raum_scope_new(raum, &scope, &error);
    if (result == 0)
        result = raum_scope_set(scope, "_personal:guest", &error);
    if (result == 0)
        result = raum_insert(scope, "tasks", task, strlen(task), NULL, &error);
    if (result == 0)
        result = raum_query_new(scope, "SELECT title, createdAt FROM tasks", &query, &error);
    while (result == 0 && (result = raum_query_step(query, &error)) == 0)
        printf("%s (%s)\n", raum_query_text(query, 0, NULL), raum_query_text(query, 1, NULL));
    if (result < 0)
        fprintf(stderr, "%s (%s)\n", error.text, raum_code_name(result));
    raum_close(raum);
    return result < 0;
}
