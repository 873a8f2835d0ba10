/* The German sentences about agents. */
#include "cli/text.h"

const struct text_pair text_agents[] = {
    {"a credential for one space, for a program", "ein Zugang zu einem Raum, für ein Programm"},
    {"your agents", "deine Agenten"},
    {"end an agent, and what it is doing", "einen Agenten beenden, und was er gerade tut"},
    {"what an agent did", "was ein Agent getan hat"},
    {"take a run back where nobody edited since, within 30 days",
     "einen Lauf zurücknehmen, wo seither niemand geändert hat; 30 Tage lang"},
    {"of the tools that write only these; may be given several times",
     "von den schreibenden Werkzeugen nur diese; auch mehrmals"},
    {"it reads, and writes nothing", "er liest und schreibt nichts"},
    {"30d, 12h, a day, or never; 90 days if not given",
     "30d, 12h, ein Tag oder never; sonst 90 Tage"},
    {"the server may open what is sealed in the personal space for it",
     "der Server darf Versiegeltes im persönlichen Raum für ihn öffnen"},
    {"--expires takes 30d, 12h, a day such as 2027-04-30, or never: %s",
     "--expires nimmt 30d, 12h, einen Tag wie 2027-04-30 oder never: %s"},
    {"--read-only and --allow do not go together", "--read-only und --allow passen nicht zusammen"},
    {"for which space? --space SLUG|ID", "für welchen Raum? --space KURZNAME|ID"},
    {"the personal space is sealed: on the server this agent cannot read it; raum mcp on this "
     "device can, and --sealed lets the server open it",
     "der persönliche Raum ist versiegelt: auf dem Server kann dieser Agent ihn nicht lesen; raum "
     "mcp auf diesem Gerät kann es, und mit --sealed darf der Server ihn öffnen"},
    {"the key ring has a passphrase: the server has no key, so only raum mcp on this device can "
     "read the personal space",
     "der Schlüsselbund hat eine Passphrase: der Server hat keinen Schlüssel, also kann nur raum "
     "mcp auf diesem Gerät den persönlichen Raum lesen"},
    {"the token is shown this once: whoever has it is the agent",
     "das Token erscheint nur dieses eine Mal: wer es hat, ist der Agent"},
    {"token", "Token"},
    {"reads only", "liest nur"},
    {"tools", "Werkzeuge"},
    {"last call", "letzter Aufruf"},
    {"when", "wann"},
    {"tool", "Werkzeug"},
    {"outcome", "Ausgang"},
    {"undone", "zurückgenommen"},
    {"run", "Lauf"},
    {"deleted again", "wieder gelöscht"},
    {"as before", "wie vorher"},
    {"left as it is", "bleibt so"},
    {0},
};
