/* Planted bugs: the tests compile the engine a second time with -DRAUM_MODEL_PLANTS and turn on one
 * after the other, to show that each would be found. In every other build PLANT() is 0 and nothing
 * of this is left. */
#ifndef BASE_PLANT_H
#define BASE_PLANT_H

enum plant {
    PLANT_NONE,
    PLANT_MERGE_TIME,       /* merging looks at times only, not at devices */
    PLANT_MERGE_FIXED,      /* fixed fields go to the last writer */
    PLANT_MERGE_UNKNOWN,    /* unknown fields are not merged */
    PLANT_PRIVATE,          /* the views show other members' private rows */
    PLANT_PRIVATE_WRITE,    /* private rows of others can be written by id */
    PLANT_SLOT,             /* each claim of a slot makes a row of its own */
    PLANT_RESTORE_STAMP,    /* a restore is not stamped */
    PLANT_CONSENT,          /* any member turns consent on */
    PLANT_SWITCH,           /* a switch does not end what is running */
    PLANT_DIRTY,            /* updates are not marked for the push */
    PLANT_CLOCK,            /* the clock is not kept across restarts */
    PLANT_SPOILT,           /* a transaction with a refused write is committed */
    PLANT_BECOME,           /* joining two spaces leaves deleted rows behind */
    PLANT_OVERWRITE,        /* an edit may be older than what it edits */
    PLANTS,
    /* Of the server; its own harness turns them on (tests/server/model_spaces.c). */
    PLANT_LAST_OWNER = 100, /* the last owner may go */
    PLANT_FULL_SPACE,       /* a full space takes more members */
};

#ifdef RAUM_MODEL_PLANTS
extern int raum_plant;
#define PLANT(name) (raum_plant == PLANT_##name)
#else
#define PLANT(name) 0
#endif

#endif
