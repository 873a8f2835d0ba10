#include "server/generate/order.h"

#include <string.h>

static const char *const qualities[] = {"low", "medium", "high", NULL};
static const char *const sizes[] = {"1024x1024", "1024x1536", "1536x1024", "auto", NULL};

static int place_of(const char *const *words, const char *word)
{
    for (int i = 0; words[i]; i++)
        if (strcmp(words[i], word) == 0)
            return i;
    return -1;
}

static int bad(struct raum_error *error, const char *text)
{
    return err_at(error, "generate", RAUM_EBAD_CHANGE, "%s", text);
}

static int check_prompt(const char *prompt, struct raum_error *error)
{
    size_t characters = 0;
    for (const char *at = prompt; at && *at; at++)
        characters += ((unsigned char)*at & 0xC0) != 0x80;
    if (!characters)
        return bad(error, "prompt is missing: say what the picture is to show");
    return characters > ORDER_PROMPT_MAX ? bad(error, "prompt has more than 32000 characters") : 0;
}

static int check_references(const struct generate_request *q, struct raum_error *error)
{
    if (q->reference_count < 1)
        return bad(error, "referenceMediaIds is missing: name one to eight pictures");
    if (q->reference_count > ORDER_REFERENCES_MAX)
        return bad(error, "referenceMediaIds: at most eight pictures");
    for (int i = 0; i < q->reference_count; i++) {
        size_t len = q->references[i] ? strlen(q->references[i]) : 0;
        if (!id_valid(q->references[i] ? q->references[i] : "", len))
            return bad(error, "referenceMediaIds: not the id of a picture");
        for (int k = 0; k < i; k++)
            if (strcmp(q->references[i], q->references[k]) == 0)
                return bad(error, "referenceMediaIds: the same picture twice");
    }
    return 0;
}

static bool is_id(const char *id)
{
    return !id || id_valid(id, strlen(id));
}

int order_check(struct generate_request *q, const struct provider *p, const char *usual,
                struct raum_error *error)
{
    q->model = q->model ? q->model : usual ? usual : p->models[0];
    q->quality = q->quality ? q->quality : "medium";
    q->size = q->size ? q->size : sizes[0];
    q->visibility = q->visibility ? q->visibility : "private";
    q->n = q->n < 1 ? 1 : q->n > ORDER_PICTURES_MAX ? ORDER_PICTURES_MAX : q->n;
    int rc = check_prompt(q->prompt, error);
    if (rc == 0)
        rc = check_references(q, error);
    if (rc)
        return rc;
    if (place_of(p->models, q->model) < 0 && !(usual && strcmp(usual, q->model) == 0))
        return bad(error, "model: this server does not offer it; leave it out for its usual one");
    if (place_of(qualities, q->quality) < 0)
        return bad(error, "quality: low, medium or high");
    if (place_of(sizes, q->size) < 0)
        return bad(error, "size: 1024x1024, 1024x1536, 1536x1024 or auto");
    if (strcmp(q->visibility, "private") != 0 && strcmp(q->visibility, "space") != 0)
        return bad(error, "visibility: private or space");
    if ((q->outfit && q->garment) || !is_id(q->outfit) || !is_id(q->garment))
        return bad(error, "wardrobeOutfitId or wardrobeGarmentId: the id of one of them");
    if (!is_id(q->agent))
        return bad(error, "agent: the id of who asks for the account");
    return 0;
}

int order_units(const struct provider *p, const char *quality)
{
    int place = place_of(qualities, quality);
    return p->units[place < 0 ? 1 : place];
}
