/* The German sentences of pictures on their way. */
#include "cli/text.h"

const struct text_pair text_media[] = {
    {"pictures wait: %s", "Bilder warten: %s"},
    {"pictures: sent %u, received %u\n", "Bilder: gesendet %u, empfangen %u\n"},
    {"%u pictures were refused: raum sync --status",
     "%u Bilder wurden abgelehnt: raum sync --status"},
    {"pictures to send", "Bilder zu senden"},
    {"pictures to come", "Bilder kommen noch"},
    {"pictures refused", "Bilder abgelehnt"},
    {"not deleted at the server in %s: picture %s (%s: %s)",
     "auf dem Server nicht gelöscht in %s: Bild %s (%s: %s)"},
    {"not taken by the server in %s: picture %s (%s: %s)",
     "vom Server nicht angenommen in %s: Bild %s (%s: %s)"},
    {"not to be had in %s: picture %s (%s: %s)", "nicht zu bekommen in %s: Bild %s (%s: %s)"},
    {"which pictures to fetch: originals too, small ones, or none and send none",
     "welche Bilder geholt werden: auch Originale, kleine, oder keine und keine gesendet"},
    {"fetch the originals, if they are not here", "die Originale holen, wenn sie nicht hier sind"},
    {"not here yet", "noch nicht hier"},
    {"whole", "ganz"},
    {"the small one", "das kleine"},
    {"%lld of them are not here yet: raum sync", "%lld davon sind noch nicht hier: raum sync"},
    {"%lld pictures of this space are not here yet: raum sync",
     "%lld Bilder dieses Raums sind noch nicht hier: raum sync"},
    {"%u pictures are not at the server yet", "%u Bilder sind noch nicht auf dem Server"},
    {0},
};
