#include "modules/wardrobe/try_on.h"

#include <stdio.h>
#include <string.h>

#define GARMENTS_MAX 16

struct piece {
    char media[RAUM_ID_MAX], category[TRY_ON_WORD];
};
struct found {
    struct try_on *t;
    struct piece pieces[GARMENTS_MAX];
    int count;
    struct buf words; /* what they are, a line each */
};

/* ---- garments ---- */

/* A word of the schema, or of a newer version. */
static void copy_word(char out[TRY_ON_WORD], const char *word)
{
    snprintf(out, TRY_ON_WORD, "%s", word && *word ? word : "other");
}

static const char *text_of(struct wardrobe_row *row, const char *key)
{
    const char *text = json_str(json_get(row->root, key), &row->arena);
    return text && *text ? text : NULL;
}

static void describe(struct buf *out, struct wardrobe_row *row, const char *category)
{
    static const char *const more[] = {"color", "material", "brand", NULL};
    const char *name = text_of(row, "name");
    buf_printf(out, "- %.200s (%s", name ? name : category, category);
    for (int i = 0; more[i]; i++) {
        const char *text = text_of(row, more[i]);
        if (text)
            buf_printf(out, ", %.80s", text);
    }
    buf_str(out, ")\n");
}

/* One garment with its cover; what cannot be shown is counted, not an error. */
static int add_garment(struct found *f, struct raum_handle *h, const char *id,
                       struct raum_error *error)
{
    struct wardrobe_row row;
    struct raum_error other = {0};
    const char **photos;
    int count = 0;
    int rc = wardrobe_load(&row, h, "wardrobeGarments", id, &other);
    bool gone = rc == RAUM_ENOT_FOUND || (rc == 0 && row.deleted);
    if (rc == 0 && !gone)
        rc = wardrobe_list(&row, "mediaIds", &photos, &count, &other);
    if (rc == 0 && !gone && count && f->count < GARMENTS_MAX && strlen(photos[0]) < RAUM_ID_MAX) {
        struct piece *p = &f->pieces[f->count++];
        snprintf(p->media, sizeof p->media, "%s", photos[0]);
        copy_word(p->category, text_of(&row, "category"));
        describe(&f->words, &row, p->category);
    } else if (rc == 0 || gone) {
        f->t->left_out++;
    }
    wardrobe_release(&row);
    return rc && !gone ? err_set(error, rc, "%s", other.text) : 0;
}

static int add_outfit(struct found *f, struct raum_handle *h, const char *id,
                      struct raum_error *error)
{
    struct wardrobe_row row;
    const char **garments;
    int count = 0;
    int rc = wardrobe_load_live(&row, h, "wardrobeOutfits", id, error);
    if (rc == 0)
        rc = wardrobe_list(&row, "garmentIds", &garments, &count, error);
    for (int i = 0; i < count && rc == 0; i++)
        rc = add_garment(f, h, garments[i], error);
    wardrobe_release(&row);
    return rc;
}

static bool at_the_head(const char *category)
{
    static const char *const words[] = {"glasses", "jewelry", "hat", "accessory", NULL};
    for (int i = 0; words[i]; i++)
        if (strcmp(words[i], category) == 0)
            return true;
    return false;
}

static int find_garments(struct found *f, struct raum_handle *h, const struct try_on_wish *wish,
                         bool *face_only, struct raum_error *error)
{
    int rc = 0;
    if (wish->outfit) {
        rc = add_outfit(f, h, wish->outfit, error);
    } else {
        struct wardrobe_row row;
        rc = wardrobe_load_live(&row, h, "wardrobeGarments", wish->garment, error);
        wardrobe_release(&row);
        if (rc == 0)
            rc = add_garment(f, h, wish->garment, error);
    }
    if (rc)
        return rc;
    int kept = 0;
    for (int i = 0; wish->accessory_only && i < f->count; i++)
        if (at_the_head(f->pieces[i].category))
            f->pieces[kept++] = f->pieces[i];
    if (wish->accessory_only) {
        f->t->left_out += f->count - kept;
        f->count = kept;
    }
    *face_only = f->count > 0;
    for (int i = 0; i < f->count; i++)
        *face_only = *face_only && at_the_head(f->pieces[i].category);
    f->t->lack = f->count ? LACK_NOTHING : LACK_GARMENT;
    return f->count ? 0
                    : err_at(error, "wardrobe", RAUM_ENOT_FOUND,
                             "nothing of it can be shown: its garments are gone, or have no "
                             "photograph");
}

/* ---- the person ---- */

/* The account's own pictures of a kind in this space: the slot's holder first, those that AI may
 * use before the others. */
static const char own_pictures[] =
    "SELECT m.id, m.mediaId, m.\"usage.aiReference\" AS consent FROM meImages m "
    "WHERE m.subjectId = ?1 AND m.mediaId IS NOT NULL AND substr(m.mediaId, 1, 14) <> "
    "'legacy-avatar:' AND (m.kind = ?2 OR m.kind = ?3 OR m.id = (SELECT s.imageId FROM meSlots s "
    "WHERE s.slot = ?4 AND s.person = ?1)) "
    "ORDER BY m.\"usage.aiReference\" DESC, m.id = (SELECT s.imageId FROM meSlots s WHERE "
    "s.slot = ?4 AND s.person = ?1) DESC, m.kind = ?2 DESC, m.createdAt DESC, m.id DESC LIMIT 1";

struct person {
    char image[RAUM_ID_MAX], media[RAUM_ID_MAX];
    bool there, consent;
};

static int find_person(struct raum_handle *h, bool face, struct person *out,
                       struct raum_error *error)
{
    const char *const words[] = {h->raum->account, face ? "face" : "fullbody",
                                 face ? "face" : "halfbody", face ? "face-ref" : "body-ref"};
    struct raum_query *q = NULL;
    *out = (struct person){.there = false};
    int rc = query_view(h, own_pictures, &q, error);
    if (rc)
        return rc;
    for (int i = 0; i < 4; i++)
        raum_query_bind_text(q, i + 1, words[i], strlen(words[i]));
    rc = raum_query_step(q, error);
    if (rc == 0) {
        out->there = true;
        out->consent = raum_query_int(q, 2) != 0;
        snprintf(out->image, sizeof out->image, "%s", raum_query_text(q, 0, NULL));
        snprintf(out->media, sizeof out->media, "%s", raum_query_text(q, 1, NULL));
    }
    raum_query_free(q);
    return rc == RAUM_END ? 0 : rc;
}

static void add_reference(struct try_on *t, const char *media, const char *what)
{
    for (int i = 0; i < t->count; i++)
        if (strcmp(t->media[i], media) == 0)
            return; /* one photograph shows both, or two garments */
    snprintf(t->media[t->count], RAUM_ID_MAX, "%s", media);
    copy_word(t->what[t->count++], what);
}

static int no_person(struct try_on *t, const struct person *face, const struct person *body,
                     bool face_only, struct raum_error *error)
{
    const struct person *one = face->there ? face : body;
    t->lack = one->there ? LACK_CONSENT : face_only ? LACK_FACE : LACK_PERSON;
    snprintf(t->lack_image, sizeof t->lack_image, "%s", one->image);
    if (one->there)
        return err_at(error, "wardrobe", RAUM_ECONSENT_REQUIRED,
                      "AI may not use your pictures in this space; if it may: raum image ai %s on",
                      one->image);
    return err_at(error, "wardrobe", RAUM_ENOT_FOUND, "%s",
                  face_only ? "this space has no picture of your face; add one: "
                              "raum image add FACE.jpg --slot face-ref --ai"
                            : "this space has no picture of you; add them: raum image add FACE.jpg "
                              "--slot face-ref --ai, raum image add BODY.jpg --slot body-ref --ai");
}

static int add_persons(struct try_on *t, struct raum_handle *h, bool face_only,
                       struct raum_error *error)
{
    struct person face, body = {.there = false};
    int rc = find_person(h, true, &face, error);
    if (rc == 0 && !face_only)
        rc = find_person(h, false, &body, error);
    if (rc)
        return rc;
    if (face.there && face.consent)
        add_reference(t, face.media, "face");
    if (body.there && body.consent)
        add_reference(t, body.media, "body");
    t->persons = t->count;
    t->no_face = !face.consent;
    t->no_body = !face_only && !body.consent;
    return t->persons ? 0 : no_person(t, &face, &body, face_only, error);
}

/* ---- words ---- */

static int put_prompt(struct try_on *t, const struct found *f, bool face_only, const char *more,
                      struct raum_error *error)
{
    buf_printf(&t->prompt,
               "A photograph of the person in the first %s, wearing exactly what the other "
               "pictures show:\n",
               t->persons == 2 ? "two pictures" : "picture");
    buf_add(&t->prompt, buf_text(&f->words), f->words.len);
    buf_printf(&t->prompt,
               "Keep the person's face, hair, skin and build as they are. Keep colours, patterns "
               "and cut of the garments. %s, natural light, calm background, no text.",
               face_only ? "Head and shoulders" : "The whole figure from head to shoes");
    if (more && *more)
        buf_printf(&t->prompt, "\n%s", more);
    return buf_error(&t->prompt, error);
}

int try_on_compose(struct raum_handle *h, const struct try_on_wish *wish, struct try_on *out,
                   struct raum_error *error)
{
    struct found f = {.t = out};
    bool face_only = false;
    *out = (struct try_on){.count = 0};
    buf_init(&out->prompt, TRY_ON_PROMPT_MAX);
    buf_init(&f.words, TRY_ON_PROMPT_MAX);
    int rc = find_garments(&f, h, wish, &face_only, error);
    if (rc == 0)
        rc = add_persons(out, h, face_only, error);
    for (int i = 0; i < f.count && rc == 0; i++) {
        int before = out->count;
        if (out->count < TRY_ON_REFERENCES_MAX)
            add_reference(out, f.pieces[i].media, f.pieces[i].category);
        out->left_out += out->count == before;
    }
    out->garments = out->count - out->persons;
    out->size = face_only ? "1024x1024" : "1024x1536";
    if (rc == 0)
        rc = put_prompt(out, &f, face_only, wish->prompt, error);
    buf_release(&f.words);
    return rc;
}

void try_on_release(struct try_on *t)
{
    buf_release(&t->prompt);
}
