'use strict';
// The sentences stand in the page, in its language; here is only which of them is shown.
const query = new URLSearchParams(location.search);
const token = query.get('token');
const form = document.querySelector('form');
const button = form.querySelector('button');

function say(name) {
    for (const part of document.querySelectorAll('[data-say]')) {
        part.hidden = part.dataset.say !== name;
    }
}

function sentence(status, code) {
    if (status === 429) return 'often';
    if (code === 'INVALID_TOKEN') return 'token';
    return code && code.startsWith('PASSWORD_TOO_') ? 'length' : 'failed';
}

async function send(event) {
    event.preventDefault();
    const password = form.elements.first.value;
    if (password !== form.elements.second.value) return say('differ');
    button.disabled = true;
    say('');
    try {
        const answer = await fetch('/api/auth/reset-password', {
            method: 'POST',
            headers: { 'content-type': 'application/json' },
            body: JSON.stringify({ newPassword: password, token }),
        });
        const body = await answer.json().catch(() => null);
        form.hidden = answer.ok;
        // What is used up need not stay in the address bar and the history.
        if (answer.ok) history.replaceState(null, '', location.pathname);
        const said = answer.ok ? 'done' : sentence(answer.status, body && body.code);
        if (said === 'token') form.hidden = true;
        say(said);
    } catch {
        say('failed');
    }
    button.disabled = false;
}

if (token && !query.has('error')) {
    form.hidden = false;
    form.addEventListener('submit', send);
    form.elements.first.focus();
} else {
    say('token');
}
