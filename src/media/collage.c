#include "media/maker.h"

#include <string.h>

#define WORDS_MAX 4000

struct word {
    const char *what, *english, *german;
};
static const struct word words[] = {
    {"face", "Face", "Gesicht"},
    {"body", "Person", "Person"},
    {"top", "Top", "Oberteil"},
    {"bottom", "Bottom", "Hose oder Rock"},
    {"dress", "Dress", "Kleid"},
    {"outerwear", "Outerwear", "Jacke oder Mantel"},
    {"shoes", "Shoes", "Schuhe"},
    {"bag", "Bag", "Tasche"},
    {"accessory", "Accessory", "Accessoire"},
    {"glasses", "Glasses", "Brille"},
    {"jewelry", "Jewellery", "Schmuck"},
    {"hat", "Hat", "Hut"},
    {"other", "Garment", "Kleidungsstück"},
    {NULL, NULL, NULL},
};

bool collage_is_person(const char *what)
{
    return what && (strcmp(what, "face") == 0 || strcmp(what, "body") == 0);
}

static const char *caption(const char *what, bool german)
{
    const struct word *w = words;
    while (w->what && (!what || strcmp(w->what, what) != 0))
        w++;
    if (!w->what)
        w--; /* a category of a newer version: a garment */
    return german ? w->german : w->english;
}

int collage_make(const struct media_maker *m, const struct collage *c, struct buf *jpeg,
                 struct raum_error *error)
{
    const void *pictures[MAKER_PICTURES_MAX];
    size_t lens[MAKER_PICTURES_MAX];
    struct buf text;
    int number = 0;
    if (c->count < 1 || c->count > MAKER_PICTURES_MAX)
        return err_at(error, "collage", RAUM_EUSAGE, "a collage shows one to %d pictures",
                      MAKER_PICTURES_MAX);
    buf_init(&text, WORDS_MAX);
    buf_printf(&text, "%d %d\nCOLLAGE\n%s\n", c->width, c->height,
               c->german ? "Eigene Fotos, zusammengestellt; nichts ist erzeugt"
                         : "One's own photographs, put together; nothing is generated");
    for (int i = 0; i < c->count; i++) {
        const struct collage_piece *p = &c->pieces[i];
        bool person = collage_is_person(p->what);
        pictures[i] = p->data;
        lens[i] = p->len;
        if (person)
            buf_printf(&text, "person %s\n", caption(p->what, c->german));
        else
            buf_printf(&text, "thing %d  %s\n", ++number, caption(p->what, c->german));
    }
    int rc = buf_error(&text, error);
    if (rc == 0)
        rc = m->sheet(m->ctx, buf_text(&text), pictures, lens, c->count, jpeg, error);
    buf_release(&text);
    return rc;
}
