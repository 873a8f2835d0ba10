'use strict';
// The sentences stand in the page, in its language; here is only which of them is shown.
const query = new URLSearchParams(location.search);
const invitation = { invitationId: query.get('id') || '', secret: query.get('secret') || undefined };
const sentences = {
    INVITATION_NOT_FOUND: 'gone',
    YOU_ARE_NOT_THE_RECIPIENT_OF_THE_INVITATION: 'other',
    EMAIL_VERIFICATION_REQUIRED_FOR_INVITATION: 'verify',
    EMAIL_VERIFICATION_REQUIRED_BEFORE_ACCEPTING_OR_REJECTING_INVITATION: 'verify',
    EMAIL_NOT_VERIFIED: 'verify',
    INVALID_EMAIL_OR_PASSWORD: 'wrong',
    INVALID_EMAIL: 'wrong',
    USER_ALREADY_EXISTS: 'exists',
    USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL: 'exists',
    PASSWORD_TOO_SHORT: 'length',
    PASSWORD_TOO_LONG: 'length',
    ORGANIZATION_MEMBERSHIP_LIMIT_REACHED: 'full',
    INVITER_IS_NO_LONGER_A_MEMBER_OF_THE_ORGANIZATION: 'gone',
    USER_IS_ALREADY_A_MEMBER_OF_THIS_ORGANIZATION: 'joined',
};
const titles = ['title', 'named'];

function part(name) {
    for (const one of document.querySelectorAll('[data-part]')) {
        if (one.dataset.part !== 'command') one.hidden = one.dataset.part !== name;
    }
}

function say(name) {
    for (const one of document.querySelectorAll('[data-say]')) {
        if (!titles.includes(one.dataset.say)) one.hidden = one.dataset.say !== name;
    }
}

async function ask(path, body) {
    const answer = await fetch('/api/auth/' + path, body === undefined ? {} : {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
    });
    const value = await answer.json().catch(() => null);
    if (answer.ok) return value;
    if (answer.status === 429) throw 'often';
    throw (value && sentences[value.code]) || 'failed';
}

// Nothing is left to do here.
function over() {
    part('');
    document.querySelector('[data-part=command]').hidden = true;
}

// One thing at a time; what it fails with is said.
async function run(deed) {
    const buttons = document.querySelectorAll('button');
    for (const one of buttons) one.disabled = true;
    say('');
    try {
        await deed();
    } catch (reason) {
        say(typeof reason === 'string' ? reason : 'failed');
        if (reason === 'gone') over();
    }
    for (const one of buttons) one.disabled = false;
}

async function accept() {
    await ask('organization/accept-invitation', invitation);
    over();
    say('joined');
}

async function decline() {
    await ask('organization/reject-invitation', invitation);
    over();
    say('declined');
}

async function look() {
    const session = await ask('get-session');
    if (!session) return part('enter');
    document.querySelector('[data-mail]').textContent = session.user.email;
    part('choose');
    const found = await ask('organization/get-invitation?id='
        + encodeURIComponent(invitation.invitationId));
    document.querySelector('[data-space]').textContent = found.organizationName;
    for (const one of titles) {
        document.querySelector(`[data-say=${one}]`).hidden = one !== 'named';
    }
}

const deeds = {
    accept: () => run(accept),
    decline: () => run(decline),
    leave: () => run(async () => { await ask('sign-out', {}); await look(); }),
    new: () => { say(''); part('new'); },
    enter: () => { say(''); part('enter'); },
};

function words(name) {
    return Object.fromEntries(new FormData(document.querySelector(`form[data-part=${name}]`)));
}

if (/^[A-Za-z0-9_-]{8,64}$/.test(invitation.invitationId)) {
    for (const one of document.querySelectorAll('[data-do]')) {
        one.addEventListener('click', deeds[one.dataset.do]);
    }
    for (const [name, path] of [['enter', 'sign-in/email'], ['new', 'sign-up/email']]) {
        document.querySelector(`form[data-part=${name}]`).addEventListener('submit', (event) => {
            event.preventDefault();
            run(async () => {
                await ask(path, words(name));
                await look();
                await accept();
            });
        });
    }
    // Built anew from checked parts: what is copied into a shell holds nothing else.
    const safe = /^[A-Za-z0-9_-]+$/.test(invitation.secret || '');
    document.querySelector('[data-command]').textContent = `raum space accept '${location.origin}`
        + `/accept-invitation?id=${invitation.invitationId}`
        + (safe ? `&secret=${invitation.secret}'` : "'");
    document.querySelector('[data-part=command]').hidden = false;
    run(look);
} else {
    say('gone');
}
