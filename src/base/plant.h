/* Planted bugs: the tests compile the engine a second time with -DRAUM_MODEL_PLANTS and turn on one
 * after the other, to show that each would be found. In every other build PLANT() is 0 and nothing
 * of this is left. */
#ifndef BASE_PLANT_H
#define BASE_PLANT_H

enum plant {
    PLANT_NONE,
    PLANT_MERGE_TIME,    /* merging looks at times only, not at devices */
    PLANT_MERGE_FIXED,   /* fixed fields go to the last writer */
    PLANT_MERGE_UNKNOWN, /* unknown fields are not merged */
    PLANT_PRIVATE,       /* the views show other members' private rows */
    PLANT_PRIVATE_WRITE, /* private rows of others can be written by id */
    PLANT_SLOT,          /* each claim of a slot makes a row of its own */
    PLANT_RESTORE_STAMP, /* a restore is not stamped */
    PLANT_CONSENT,       /* any member turns consent on */
    PLANT_SWITCH,        /* a switch does not end what is running */
    PLANT_DIRTY,         /* updates are not marked for the push */
    PLANT_CLOCK,         /* the clock is not kept across restarts */
    PLANT_SPOILT,        /* a transaction with a refused write is committed */
    PLANT_BECOME,        /* joining two spaces leaves deleted rows behind */
    PLANT_OVERWRITE,     /* an edit may be older than what it edits */
    PLANTS,
    /* Of the server; its own harness turns them on (tests/server/model_spaces.c). */
    PLANT_LAST_OWNER, /* the last owner may go */
    PLANT_FULL_SPACE, /* a full space takes more members */
    /* of sync, found by the simulation */
    PLANT_RELAY_ROLE,    /* whoever asks is a member */
    PLANT_RELAY_PRIVATE, /* private rows of others are sent */
    PLANT_RELAY_RETRACT, /* what turned private is not withdrawn */
    PLANT_RELAY_SEQ,     /* an update keeps its place in the order of commits */
    PLANT_RELAY_BEATEN,  /* what lost is not told what won */
    PLANT_RELAY_EPOCH,   /* a restored server does not say that it is one */
    PLANT_SYNC_ACK,      /* what was edited since it was sent counts as sent */
    PLANT_SYNC_LOST,     /* no answer counts as a good one */
    PLANT_SYNC_OFFER,    /* nothing is offered again to a restored server */
    PLANT_SYNC_RESTAMP,  /* a clock that is ahead is told, and nothing follows */
    PLANT_SYNC_PARK,     /* what was refused is forgotten */
    PLANT_SYNC_WITHDRAW, /* a withdrawal is not heard */
    PLANT_RELAY_RIGHTS,  /* who may write a field is not asked */
    PLANT_RELAY_FIXED,   /* what is fixed is written over by whoever comes */
    PLANT_RELAY_RECEIPT, /* a write without a time gets another each time it is sent */
    PLANT_RELAY_PAGE,    /* what did not fit on a page is passed over */
    PLANT_RELAY_ADMIN,   /* every member deletes */
    PLANT_SYNC_CURSOR,   /* the cursor passes rows of a space that is not known yet */
    PLANT_SYNC_BEHIND,   /* so does the stream's */
    PLANT_SYNC_REJOIN,   /* a space that was erased does not come again */
    PLANT_SYNC_NOTICE,   /* one's own devices raise notices */
    PLANT_LEAVE_ROWS,    /* what was left stays */
    PLANT_LEAVE_ASIDE,   /* what was not sent is erased with it */
    PLANT_LEAVE_LOG,     /* the log keeps what was erased */
    PLANT_ADOPT_PUSH,    /* what was adopted is not sent */
    PLANT_DISK,          /* the simulation's own disk says that it is synced, and is not */
    PLANTS_SYNC,
};

#ifdef RAUM_MODEL_PLANTS
extern int raum_plant;
#define PLANT(name) (raum_plant == PLANT_##name)
#else
#define PLANT(name) 0
#endif

#endif
