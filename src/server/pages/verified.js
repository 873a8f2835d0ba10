'use strict';
if (new URLSearchParams(location.search).has('error')) {
    for (const part of document.querySelectorAll('[data-say]')) {
        part.hidden = part.dataset.say !== 'token';
    }
    document.title = document.querySelector('[data-say=token] h1').textContent + ' · Raum';
}
