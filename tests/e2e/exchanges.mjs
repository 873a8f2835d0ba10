// Every exchange of the official client, and of raw requests, that is compared between a real
// Better Auth server and `raum serve`. Runs against any address with no accounts yet.
//
//   t.exchange(NAME, PERSON, () => …)   one request; its whole answer goes into the transcript
//   t.check(NAME, VALUE)                something computed from answers
//   t.person(NAME)                      somebody with a jar of their own
//   t.mail(PERSON, PATTERN)             the URL in their newest mail that matches
import { createRemoteJWKSet, decodeProtectedHeader, jwtVerify } from 'jose';
import { trustedOrigin } from './settings.mjs';

const family = { type: 'family' };
const nobody = 'n'.repeat(32); // looks like an id, is none

async function signUps(t, { anna, ben, carla, dora }) {
  await t.exchange('ok', anna, () => anna.raw('GET', '/ok'));
  await t.exchange('get-session of nobody', anna, () => anna.client.getSession());
  await t.exchange('sign-up', anna, () => anna.signUp());
  await t.exchange('sign-up: with an image', ben, () => ben.signUp({
    image: 'https://example.test/ben.webp',
  }));
  await t.exchange('sign-up: mail in capitals', carla, () => carla.client.signUp.email({
    email: 'Carla@Example.Test', password: carla.password, name: 'Carla C.',
  }));
  await t.exchange('sign-up: not remembered', dora, () => dora.signUp({ rememberMe: false }));
  const x = t.person('x');
  await t.exchange('sign-up: address taken', x, () => x.signUp({ email: anna.email }));
  await t.exchange('sign-up: address taken, in capitals', x, () =>
    x.signUp({ email: 'ANNA@EXAMPLE.TEST' }));
  await t.exchange('sign-up: password of 7', x, () => x.signUp({ password: '1234567' }));
  await t.exchange('sign-up: password of 129', x, () => x.signUp({ password: 'p'.repeat(129) }));
  await t.exchange('sign-up: no address', x, () => x.signUp({ email: 'not an address' }));
  await t.exchange('sign-up: empty address', x, () => x.signUp({ email: '' }));
  await t.exchange('sign-up: nothing', x, () => x.raw('POST', '/sign-up/email', { json: {} }));
  await t.exchange('sign-up: name a number', x, () =>
    x.raw('POST', '/sign-up/email', { json: { email: x.email, password: x.password, name: 5 } }));
  await t.exchange('sign-up: everything of a wrong type', x, () =>
    x.raw('POST', '/sign-up/email', { json: { email: 1, password: null, name: [] } }));
  await t.exchange('sign-up: an array', x, () => x.raw('POST', '/sign-up/email', { json: [] }));
  await t.exchange('sign-up: a string', x, () => x.raw('POST', '/sign-up/email', { json: 'x' }));
  await t.exchange('sign-up: broken JSON', x, () => x.raw('POST', '/sign-up/email', {
    body: '{"email":', headers: { 'content-type': 'application/json' },
  }));
  await t.exchange('sign-up: empty body of JSON', x, () => x.raw('POST', '/sign-up/email', {
    body: '', headers: { 'content-type': 'application/json' },
  }));
  await t.exchange('sign-up: text', x, () => x.raw('POST', '/sign-up/email', {
    body: 'email=x', headers: { 'content-type': 'text/plain' },
  }));
  await t.exchange('sign-up: callback elsewhere', x, () =>
    x.signUp({ callbackURL: 'https://evil.example' }));
}

async function signIns(t, { anna, dora }) {
  const x = t.person('anna'); // the same account at another device
  await t.exchange('sign-in', x, () => x.signIn());
  await t.exchange('sign-in: mail in capitals', x, () => x.signIn({ email: 'ANNA@example.TEST' }));
  await t.exchange('sign-in: with a callback', x, () => x.signIn({ callbackURL: '/welcome' }));
  await t.exchange('sign-in: callback at a trusted origin', x, () =>
    x.signIn({ callbackURL: `${trustedOrigin}/there` }));
  await t.exchange('sign-in: not remembered', x, () => x.signIn({ rememberMe: false }));
  await t.exchange('get-session: not remembered', x, () => x.client.getSession());
  await t.exchange('sign-out', x, () => x.client.signOut());
  await t.exchange('sign-out: again', x, () => x.client.signOut());
  await t.exchange('sign-out: without a body', x, () => x.raw('POST', '/sign-out'));
  await t.exchange('sign-in: as a form', x, () => x.raw('POST', '/sign-in/email', {
    body: new URLSearchParams({ email: x.email, password: x.password }).toString(),
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
  }));
  x.jar.clear();
  await t.exchange('sign-in: wrong password', x, () => x.signIn({ password: 'something else' }));
  await t.exchange('sign-in: unknown account', x, () => x.signIn({ email: 'z@example.test' }));
  await t.exchange('sign-in: no address', x, () => x.signIn({ email: 'anna' }));
  await t.exchange('sign-in: nothing', x, () => x.raw('POST', '/sign-in/email', { json: {} }));
  await t.exchange('sign-in: password a number', x, () =>
    x.raw('POST', '/sign-in/email', { json: { email: x.email, password: 12345678 } }));
  await t.exchange('sign-in: empty password', x, () => x.signIn({ password: '' }));
  await t.exchange('sign-in: callback elsewhere', x, () =>
    x.signIn({ callbackURL: 'https://evil.example/' }));
  await t.exchange('sign-in: callback with two slashes', x, () =>
    x.signIn({ callbackURL: '//evil.example' }));
  await t.exchange('get-session', anna, () => anna.client.getSession());
  await t.exchange('get-session: cookie cache off', anna, () =>
    anna.client.getSession({ query: { disableCookieCache: true } }));
  await t.exchange('get-session: by POST', anna, () =>
    anna.raw('POST', '/get-session', { json: {} }));
  await t.exchange('get-session: of a sign-up not remembered', dora, () =>
    dora.client.getSession());
}

async function origins(t, { anna }) {
  const x = t.person('anna');
  const fields = { email: x.email, password: x.password };
  const signIn = (headers, origin) => () =>
    x.raw('POST', '/sign-in/email', { json: fields, jar: false, headers, origin });
  await t.exchange('origin: none, no cookie', x, signIn({}, null));
  await t.exchange('origin: foreign, no cookie', x, signIn({}, 'https://evil.example'));
  await t.exchange('origin: trusted, no cookie', x, signIn({}, trustedOrigin));
  await t.exchange('origin: a referer of ours, no cookie', x, signIn({ referer: `${x.base}/a` },
    null));
  await t.exchange('origin: a foreign referer, no cookie', x,
    signIn({ referer: 'https://evil.example/a' }, null));
  await t.exchange('fetch metadata: no origin', x, signIn({ 'sec-fetch-mode': 'cors' }, null));
  await t.exchange('fetch metadata: ours', x, signIn({
    'sec-fetch-mode': 'cors', 'sec-fetch-site': 'same-origin', 'sec-fetch-dest': 'empty',
  }));
  await t.exchange('fetch metadata: a page elsewhere navigates', x, signIn({
    'sec-fetch-mode': 'navigate', 'sec-fetch-site': 'cross-site', 'sec-fetch-dest': 'document',
  }));
  await t.exchange('fetch metadata: sign-up from elsewhere', x, () =>
    x.raw('POST', '/sign-up/email', {
      json: { ...fields, name: 'x', email: 'origin@example.test' },
      headers: { 'sec-fetch-mode': 'cors', 'sec-fetch-site': 'cross-site' },
      origin: 'https://evil.example',
    }));
  const update = (more) => () => anna.raw('POST', '/update-user', { json: { name: 'anna' }, ...more });
  await t.exchange('origin: none, with a cookie', anna, update({ origin: null }));
  await t.exchange('origin: null, with a cookie', anna, update({ origin: 'null' }));
  await t.exchange('origin: foreign, with a cookie', anna,
    update({ origin: 'https://evil.example' }));
  await t.exchange('origin: ours with another port', anna,
    update({ origin: 'http://127.0.0.1:1' }));
  await t.exchange('origin: ours as the beginning of a foreign one', anna,
    update({ origin: `${anna.base}.evil.example` }));
  await t.exchange('origin: trusted, with a cookie', anna, update({ origin: trustedOrigin }));
  await t.exchange('origin: a referer of ours, with a cookie', anna,
    update({ origin: null, headers: { referer: `${anna.base}/settings?x=1` } }));
  await t.exchange('origin: foreign, a GET', anna, () =>
    anna.raw('GET', '/get-session', { origin: 'https://evil.example' }));
  await t.exchange('origin: foreign, organization', anna, () =>
    anna.raw('POST', '/organization/check-slug', {
      json: { slug: 'x' }, origin: 'https://evil.example',
    }));
}

async function cookiesAndBearers(t, { anna }) {
  const { raw, signed, name } = anna.token();
  const session = (headers) => () => anna.raw('GET', '/get-session', { jar: false, headers });
  const cookie = (value) => session({ cookie: `${name}=${value}` });
  const bearer = (value) => session({ authorization: `Bearer ${value}` });
  t.check('the cookie of a session', name.replace('__Secure-', ''));
  await t.exchange('cookie: encoded', anna, cookie(encodeURIComponent(signed)));
  await t.exchange('cookie: not encoded', anna, cookie(signed));
  await t.exchange('cookie: in quotes', anna, cookie(`"${encodeURIComponent(signed)}"`));
  await t.exchange('cookie: behind others', anna,
    session({ cookie: `a=b; c="d"; ${name}=${encodeURIComponent(signed)}; e` }));
  await t.exchange('cookie: the first of two counts', anna,
    session({ cookie: `${name}=x.y; ${name}=${encodeURIComponent(signed)}` }));
  await t.exchange('cookie: without a signature', anna, cookie(raw));
  await t.exchange('cookie: with a wrong signature', anna,
    cookie(encodeURIComponent(`${raw}.${'A'.repeat(43)}=`)));
  await t.exchange('cookie: signature of another token', anna,
    cookie(encodeURIComponent(`${'a'.repeat(32)}${signed.slice(32)}`)));
  await t.exchange('cookie: empty', anna, cookie(''));
  await t.exchange('cookie: broken encoding', anna, cookie('%zz%'));
  await t.exchange('bearer: raw token', anna, bearer(raw));
  await t.exchange('bearer: signed token', anna, bearer(signed));
  await t.exchange('bearer: signed and encoded', anna, bearer(encodeURIComponent(signed)));
  await t.exchange('bearer: scheme in small letters', anna,
    session({ authorization: `bearer ${raw}` }));
  await t.exchange('bearer: wrong signature', anna, bearer(`${raw}.${'A'.repeat(43)}=`));
  await t.exchange('bearer: unknown token', anna, bearer(nobody));
  await t.exchange('bearer: empty', anna, session({ authorization: 'Bearer ' }));
  await t.exchange('bearer: another scheme', anna, session({ authorization: `Basic ${raw}` }));
  await t.exchange('bearer: changes something without an origin', anna, () =>
    anna.raw('POST', '/update-user', {
      json: { name: 'anna' }, jar: false, origin: null,
      headers: { authorization: `Bearer ${raw}` },
    }));
  await t.exchange('bearer: by the client', anna, () =>
    anna.client.getSession({ fetchOptions: { headers: { authorization: `Bearer ${raw}` } } }));
}

async function tokens(t, { anna }) {
  const x = t.person('x');
  await t.exchange('token: of nobody', x, () => x.client.token());
  const { data } = await t.exchange('token', anna, () => anna.client.token());
  await t.exchange('jwks', anna, () => anna.client.$fetch('/jwks'));
  const keys = createRemoteJWKSet(new URL(`${anna.base}/api/auth/jwks`));
  const { payload, protectedHeader } = await jwtVerify(data.token, keys, {
    issuer: anna.base, audience: anna.base,
  });
  t.check('token: what it says', { keys: Object.keys(payload), sub: payload.sub === payload.id,
    seconds: payload.exp - payload.iat, algorithm: protectedHeader.alg });
  const got = await t.exchange('token: beside get-session', anna, () =>
    anna.raw('GET', '/get-session'));
  const other = await jwtVerify(got.headers.get('set-auth-jwt'), keys, { issuer: anna.base });
  t.check('token: beside get-session, the same key', other.payload.sub === payload.sub &&
    decodeProtectedHeader(data.token).kid === other.protectedHeader.kid);
  await t.exchange('token: by bearer', anna, () => anna.raw('GET', '/token', {
    jar: false, headers: { authorization: `Bearer ${anna.token().raw}` },
  }));
  await t.exchange('token: a token is no session', anna, () => anna.raw('GET', '/get-session', {
    jar: false, headers: { authorization: `Bearer ${data.token}` },
  }));
}

async function users(t, { anna, ben }) {
  const x = t.person('x');
  await t.exchange('update-user', anna, () => anna.client.updateUser({ name: 'Anna A.' }));
  await t.exchange('update-user: image', anna, () =>
    anna.client.updateUser({ image: 'https://example.test/anna.webp' }));
  await t.exchange('get-session: after update-user', anna, () => anna.client.getSession());
  await t.exchange('update-user: no image', anna, () => anna.client.updateUser({ image: null }));
  await t.exchange('get-session: no image', anna, () => anna.client.getSession());
  await t.exchange('update-user: nothing', anna, () => anna.client.updateUser({}));
  await t.exchange('update-user: a field nobody has', anna, () =>
    anna.client.updateUser({ shoeSize: 43 }));
  await t.exchange('update-user: mail', anna, () =>
    anna.client.updateUser({ email: 'b@example.test' }));
  await t.exchange('update-user: verified, by oneself', anna, () =>
    anna.client.updateUser({ name: 'Anna', emailVerified: true }));
  await t.exchange('update-user: of nobody', x, () => x.client.updateUser({ name: 'x' }));
  await t.exchange('update-user: an array', anna, () =>
    anna.raw('POST', '/update-user', { json: [] }));
  await t.exchange('update-user: broken JSON', anna, () => anna.raw('POST', '/update-user', {
    body: '{', headers: { 'content-type': 'application/json' },
  }));
  await t.exchange('update-user: text', anna, () => anna.raw('POST', '/update-user', {
    body: 'name', headers: { 'content-type': 'text/plain' },
  }));
  await t.exchange('list-accounts', ben, () => ben.client.listAccounts());
  await t.exchange('list-accounts: of nobody', x, () => x.client.listAccounts());
}

async function addresses(t, { ben }) {
  const x = t.person('x');
  const change = (newEmail, callbackURL) => () => ben.client.changeEmail({ newEmail, callbackURL });
  await t.exchange('change-email: of nobody', x, () =>
    x.client.changeEmail({ newEmail: 'x2@example.test' }));
  await t.exchange('change-email: no address', ben, change('ben2'));
  await t.exchange('change-email: nothing', ben, () =>
    ben.raw('POST', '/change-email', { json: {} }));
  await t.exchange('change-email: the same', ben, change('BEN@example.test'));
  await t.exchange('change-email: somebody has it', ben, change('anna@example.test'));
  await t.exchange('change-email: callback elsewhere', ben,
    change('ben2@example.test', 'https://evil.example'));
  await t.exchange('change-email', ben, change('ben2@example.test', '/moved'));
  await t.exchange('change-email: not before the link', ben, () => ben.client.getSession());
  const link = new URL(await t.mail({ email: 'ben2@example.test' }, /verify-email/));
  const path = link.pathname.replace('/api/auth', '') + link.search;
  t.check('change-email: the mail', link.search.replace(/token=[^&]+/, 'token=<token>'));
  await t.exchange('change-email: the mailed link', ben, () => ben.raw('GET', path));
  await t.exchange('change-email: the mailed link again', ben, () => ben.raw('GET', path));
  await t.exchange('change-email: after it', ben, () => ben.client.getSession());
  await t.exchange('change-email: sign-in with the old one', x, () =>
    x.signIn({ email: 'ben@example.test', password: ben.password }));
  await ben.client.changeEmail({ newEmail: 'ben@example.test', callbackURL: '/returned' });
  const back = new URL(await t.mail(ben, /verify-email.*returned/));
  await ben.raw('GET', back.pathname.replace('/api/auth', '') + back.search);
}

async function passwords(t, { ben }) {
  const x = t.person('x');
  const other = t.person('ben');
  await other.signIn();
  const change = (more) => () => ben.client.changePassword({
    currentPassword: ben.password, newPassword: 'a new password of ben', ...more,
  });
  await t.exchange('change-password: wrong', ben, change({ currentPassword: 'wrong password' }));
  await t.exchange('change-password: too short', ben, change({ newPassword: 'short' }));
  await t.exchange('change-password: too long', ben, change({ newPassword: 'p'.repeat(129) }));
  await t.exchange('change-password: nothing', ben, () =>
    ben.raw('POST', '/change-password', { json: {} }));
  await t.exchange('change-password: of nobody', x, () => x.client.changePassword({
    currentPassword: 'whatever it is', newPassword: 'whatever it was',
  }));
  await t.exchange('change-password', ben, change());
  ben.password = 'a new password of ben';
  await t.exchange('change-password: others stay', other, () => other.client.getSession());
  await t.exchange('change-password: and others go', ben, change({
    newPassword: 'the newest password', revokeOtherSessions: true,
  }));
  ben.password = 'the newest password';
  await t.exchange('change-password: others went', other, () => other.client.getSession());
  await t.exchange('change-password: the old one is no more', other, () =>
    other.client.signIn.email({ email: ben.email, password: 'a new password of ben' }));
  await t.exchange('change-password: the new one is', ben, () => ben.signIn());
}

async function resets(t, { carla }) {
  const x = t.person('carla');
  const request = (email, redirectTo) => () =>
    x.client.requestPasswordReset({ email, redirectTo });
  await t.exchange('request-password-reset', x, request(carla.email, '/reset'));
  await t.exchange('request-password-reset: unknown', x, request('z@example.test', '/reset'));
  await t.exchange('request-password-reset: no address', x, request('carla', '/reset'));
  await t.exchange('request-password-reset: elsewhere', x,
    request(carla.email, 'https://evil.example'));
  await t.exchange('request-password-reset: nothing', x, () =>
    x.raw('POST', '/request-password-reset', { json: {} }));
  const link = await t.mail(carla, /\/reset-password\//);
  const url = new URL(link);
  t.check('the mailed link', link.replace(url.origin, '<base>')
    .replace(/reset-password\/[A-Za-z0-9]{24}\?/, 'reset-password/<token>?'));
  t.check('the mailed link is ours', url.origin === carla.base);
  const path = url.pathname.replace('/api/auth', '') + url.search;
  const token = url.pathname.split('/').pop();
  await t.exchange('reset-password: the link', x, () => x.raw('GET', path));
  await t.exchange('reset-password: a link that never was', x, () =>
    x.raw('GET', `/reset-password/${'z'.repeat(24)}?callbackURL=%2Freset`));
  await t.exchange('reset-password: a link to elsewhere', x, () =>
    x.raw('GET', `/reset-password/${token}?callbackURL=https%3A%2F%2Fevil.example`));
  await t.exchange('reset-password: a link to nowhere', x, () =>
    x.raw('GET', `/reset-password/${token}`));
  const reset = (newPassword, used = token) => () =>
    x.client.resetPassword({ newPassword, token: used });
  await t.exchange('reset-password: too short', x, reset('short'));
  await t.exchange('reset-password: too long', x, reset('p'.repeat(129)));
  await t.exchange('reset-password: a token that never was', x, reset('a password', 'z'.repeat(24)));
  await t.exchange('reset-password: nothing', x, () =>
    x.raw('POST', '/reset-password', { json: {} }));
  await t.exchange('reset-password: no token', x, () =>
    x.raw('POST', '/reset-password', { json: { newPassword: 'a password' } }));
  await t.exchange('reset-password', x, reset('carla has a new one'));
  carla.password = 'carla has a new one';
  await t.exchange('reset-password: twice', x, reset('carla has another'));
  await t.exchange('reset-password: the link, used', x, () => x.raw('GET', path));
  await t.exchange('reset-password: sessions before it', carla, () => carla.client.getSession());
  x.password = carla.password;
  await t.exchange('reset-password: sign-in', x, () => x.signIn());
  await carla.signIn();
}

async function verifications(t, { anna, ben }) {
  const x = t.person('x');
  const link = new URL(await t.mail(ben, /\/verify-email/));
  const path = link.pathname.replace('/api/auth', '') + link.search;
  t.check('the mail of a sign-up', link.search.replace(/token=[^&]+/, 'token=<token>'));
  await t.exchange('verify-email: nothing', x, () => x.raw('GET', '/verify-email'));
  await t.exchange('verify-email: no token of ours', x, () =>
    x.raw('GET', '/verify-email?token=x'));
  await t.exchange('verify-email: no token of ours, with a callback', x, () =>
    x.raw('GET', '/verify-email?token=x&callbackURL=%2Fverified'));
  await t.exchange('verify-email: callback elsewhere', x, () =>
    x.raw('GET', '/verify-email?token=x&callbackURL=https%3A%2F%2Fevil.example'));
  await t.exchange('verify-email: the mailed link', x, () => x.raw('GET', path));
  await t.exchange('verify-email: the mailed link again', x, () => x.raw('GET', path));
  await t.exchange('get-session: verified', ben, () => ben.client.getSession());
  const send = (who, email) => () =>
    who.client.sendVerificationEmail({ email, callbackURL: '/verified' });
  await t.exchange('send-verification-email: verified already', ben, send(ben, ben.email));
  await t.exchange('send-verification-email', anna, send(anna, anna.email));
  await t.exchange('send-verification-email: of somebody else', anna, send(anna, ben.email));
  await t.exchange('send-verification-email: nobody, unknown', x, send(x, 'z@example.test'));
  await t.exchange('send-verification-email: nobody, known', x, send(x, anna.email));
  await t.exchange('send-verification-email: no address', x, send(x, 'anna'));
  await t.exchange('send-verification-email: callback elsewhere', anna, () =>
    anna.client.sendVerificationEmail({ email: anna.email, callbackURL: 'https://evil.example' }));
  const token = new URL(await t.mail(anna, /verify-email.*verified/)).searchParams.get('token');
  await t.exchange('verify-email: by the client', anna, () =>
    anna.client.verifyEmail({ query: { token } }));
  await t.exchange('verify-email: by the client, again', anna, () =>
    anna.client.verifyEmail({ query: { token } }));
}

async function sessions(t, { anna, ben }) {
  const x = t.person('x');
  const [one, two] = [t.person('ben'), t.person('ben')];
  for (const device of [one, two]) {
    device.password = ben.password;
    await device.signIn();
  }
  await ben.client.revokeOtherSessions();
  await t.exchange('revoke-other-sessions: others', one, () => one.client.getSession());
  await one.signIn();
  const { data } = await t.exchange('list-sessions', ben, () => ben.client.listSessions());
  await t.exchange('list-sessions: of nobody', x, () => x.client.listSessions());
  const token = data.map((s) => s.token).find((value) => value === one.token().raw);
  await t.exchange('revoke-session: of somebody else', anna, () =>
    anna.client.revokeSession({ token }));
  await t.exchange('revoke-session: somebody else still has it', one, () =>
    one.client.getSession());
  await t.exchange('revoke-session', ben, () => ben.client.revokeSession({ token }));
  await t.exchange('revoke-session: again', ben, () => ben.client.revokeSession({ token }));
  await t.exchange('revoke-session: it is gone', one, () => one.client.getSession());
  await t.exchange('revoke-session: nothing', ben, () =>
    ben.raw('POST', '/revoke-session', { json: {} }));
  await t.exchange('revoke-session: of nobody', x, () => x.client.revokeSession({ token }));
  await one.signIn();
  await t.exchange('revoke-session: one\'s own', one, () =>
    one.client.revokeSession({ token: one.token().raw }));
  await one.signIn();
  await t.exchange('revoke-other-sessions', ben, () => ben.client.revokeOtherSessions());
  await t.exchange('revoke-sessions', ben, () => ben.client.revokeSessions());
  await t.exchange('revoke-sessions: one\'s own too', ben, () => ben.client.getSession());
  await t.exchange('revoke-sessions: of nobody', x, () => x.client.revokeSessions());
  await t.exchange('revoke-other-sessions: of nobody', x, () => x.client.revokeOtherSessions());
  await ben.signIn();
}

async function spaces(t, { anna, ben }, made) {
  const x = t.person('x');
  const create = (who, more) => () =>
    who.org.create({ name: 'Family', slug: 'family-one', metadata: family, ...more });
  const { data } = await t.exchange('create', anna, create(anna));
  made.one = data.id;
  await t.exchange('create: it is active', anna, () => anna.client.getSession());
  made.two = (await t.exchange('create: active stays', anna, create(anna, {
    name: 'Team', slug: 'team-two', logo: 'https://example.test/logo.png',
    metadata: { type: 'team', colour: 'red', deep: { list: [1, 'zwei', null] } },
    keepCurrentActiveOrganization: true,
  }))).data.id;
  await t.exchange('create: slug taken', ben, create(ben));
  await t.exchange('create: no name', ben, create(ben, { name: '', slug: 'no-name' }));
  await t.exchange('create: no slug', ben, create(ben, { slug: '' }));
  await t.exchange('create: nothing', ben, () =>
    ben.raw('POST', '/organization/create', { json: {} }));
  await t.exchange('create: metadata a text', ben, () => ben.raw('POST', '/organization/create', {
    json: { name: 'x', slug: 'text-metadata', metadata: 'family' },
  }));
  await t.exchange('create: slug a number', ben, () => ben.raw('POST', '/organization/create', {
    json: { name: 'x', slug: 7, metadata: family },
  }));
  await t.exchange('create: of nobody', x, create(x, { slug: 'of-nobody' }));
  await t.exchange('create: without a type', ben, () =>
    ben.raw('POST', '/organization/create', { json: { name: 'Bare', slug: 'bare' } }));
  await t.exchange('create: of no type that exists', ben, create(ben, {
    slug: 'odd-type', metadata: { type: 'castle' },
  }));
  await t.exchange('create: a personal one', ben, create(ben, {
    slug: 'second-self', metadata: { type: 'personal' },
  }));
  await t.exchange('check-slug: free', anna, () => anna.org.checkSlug({ slug: 'free-slug' }));
  await t.exchange('check-slug: taken', anna, () => anna.org.checkSlug({ slug: 'family-one' }));
  await t.exchange('check-slug: nothing', anna, () =>
    anna.raw('POST', '/organization/check-slug', { json: {} }));
  await t.exchange('check-slug: of nobody', x, () => x.org.checkSlug({ slug: 'free-slug' }));
  await t.exchange('list', anna, () => anna.org.list());
  await t.exchange('list: of nobody', x, () => x.org.list());
}

async function activeSpaces(t, { anna, ben, carla }, made) {
  const x = t.person('x');
  await t.exchange('set-active', anna, () => anna.org.setActive({ organizationId: made.two }));
  await t.exchange('set-active: by slug', anna, () =>
    anna.org.setActive({ organizationSlug: 'family-one' }));
  await t.exchange('set-active: no such slug', anna, () =>
    anna.org.setActive({ organizationSlug: 'no-such-slug' }));
  await t.exchange('set-active: no such id', anna, () =>
    anna.org.setActive({ organizationId: nobody }));
  await t.exchange('set-active: not a member', carla, () =>
    carla.org.setActive({ organizationId: made.one }));
  await t.exchange('set-active: that cleared it', carla, () => carla.client.getSession());
  await t.exchange('set-active: none', anna, () => anna.org.setActive({ organizationId: null }));
  await t.exchange('set-active: of nobody', x, () =>
    x.org.setActive({ organizationId: made.one }));
  await t.exchange('set-active: nothing said', anna, () =>
    anna.raw('POST', '/organization/set-active', { json: {} }));
  await t.exchange('get-full-organization: none active', anna, () =>
    anna.org.getFullOrganization());
  await t.exchange('get-active-member: none active', anna, () => anna.org.getActiveMember());
  await t.exchange('get-active-member-role: none active', anna, () =>
    anna.org.getActiveMemberRole());
  await t.exchange('update: none active', anna, () => anna.org.update({ data: { name: 'x' } }));
  await t.exchange('invite-member: none active', anna, () =>
    anna.org.inviteMember({ email: 'z@example.test', role: 'member' }));
  await t.exchange('list-members: none active', anna, () => anna.org.listMembers());
  await t.exchange('list-invitations: none active', anna, () => anna.org.listInvitations());
  await t.exchange('has-permission: none active', anna, () =>
    anna.org.hasPermission({ permissions: { organization: ['update'] } }));
  await anna.org.setActive({ organizationId: made.one });
  const full = (who, query) => () => who.org.getFullOrganization({ query });
  await t.exchange('get-full-organization', anna, full(anna));
  await t.exchange('get-full-organization: by id', anna, full(anna, { organizationId: made.two }));
  await t.exchange('get-full-organization: by slug', anna,
    full(anna, { organizationSlug: 'team-two' }));
  await t.exchange('get-full-organization: unknown', anna, full(anna, { organizationId: nobody }));
  await t.exchange('get-full-organization: not a member', ben,
    full(ben, { organizationId: made.one }));
  await t.exchange('get-full-organization: of nobody', x, full(x));
  await t.exchange('get-active-member', anna, () => anna.org.getActiveMember());
  await t.exchange('get-active-member: of nobody', x, () => x.org.getActiveMember());
  await t.exchange('get-active-member-role', anna, () => anna.org.getActiveMemberRole());
  await t.exchange('get-active-member-role: not a member', ben, () =>
    ben.org.getActiveMemberRole({ query: { organizationId: made.one } }));
}

async function invitations(t, people, made) {
  const { anna, ben, carla, dora } = people;
  const x = t.person('x');
  const invite = (who, email, role = 'member', more = {}) => () =>
    who.org.inviteMember({ email, role, organizationId: made.one, ...more });
  const first = (await t.exchange('invite-member', anna, invite(anna, ben.email))).data;
  t.check('invite-member: hours', Math.round((first.expiresAt - first.createdAt) / 3600e3));
  t.check('invite-member: mail', await t.mail(ben, /accept-invitation/));
  await t.exchange('invite-member: again', anna, invite(anna, ben.email));
  const again = (await t.exchange('invite-member: sent again', anna,
    invite(anna, ben.email, 'member', { resend: true }))).data;
  t.check('invite-member: sent again, the same one', again?.id === first.id);
  await t.exchange('invite-member: in capitals, again', anna, invite(anna, 'BEN@EXAMPLE.TEST'));
  await t.exchange('invite-member: oneself', anna, invite(anna, anna.email));
  await t.exchange('invite-member: no address', anna, invite(anna, 'ben'));
  await t.exchange('invite-member: unknown role', anna, invite(anna, 'k@example.test', 'king'));
  await t.exchange('invite-member: no role', anna, () =>
    anna.raw('POST', '/organization/invite-member', { json: { email: 'k@example.test' } }));
  await t.exchange('invite-member: nothing', anna, () =>
    anna.raw('POST', '/organization/invite-member', { json: {} }));
  await t.exchange('invite-member: not a member', carla, invite(carla, 'k@example.test'));
  await t.exchange('invite-member: of nobody', x, invite(x, 'k@example.test'));
  await t.exchange('invite-member: unknown space', anna,
    invite(anna, 'k@example.test', 'member', { organizationId: nobody }));
  await t.exchange('invite-member: two roles', anna,
    invite(anna, 'two@example.test', ['admin', 'member']));

  const get = (who, id) => () => who.org.getInvitation({ query: { id } });
  await t.exchange('get-invitation', ben, get(ben, first.id));
  await t.exchange('get-invitation: not the recipient', carla, get(carla, first.id));
  await t.exchange('get-invitation: unknown', ben, get(ben, nobody));
  await t.exchange('get-invitation: nothing', ben, () =>
    ben.raw('GET', '/organization/get-invitation'));
  await t.exchange('get-invitation: of nobody', x, get(x, first.id));
  await t.exchange('list-user-invitations', ben, () => ben.org.listUserInvitations());
  await t.exchange('list-user-invitations: not verified', carla, () =>
    carla.org.listUserInvitations());
  await t.exchange('list-user-invitations: of nobody', x, () => x.org.listUserInvitations());
  const accept = (who, invitationId) => () => who.org.acceptInvitation({ invitationId });
  const reject = (who, invitationId) => () => who.org.rejectInvitation({ invitationId });
  await t.exchange('accept-invitation: not the recipient', carla, accept(carla, first.id));
  await t.exchange('accept-invitation: unknown', ben, accept(ben, nobody));
  await t.exchange('accept-invitation: nothing', ben, () =>
    ben.raw('POST', '/organization/accept-invitation', { json: {} }));
  await t.exchange('accept-invitation: of nobody', x, accept(x, first.id));
  await t.exchange('accept-invitation', ben, accept(ben, first.id));
  await t.exchange('accept-invitation: it is active', ben, () => ben.org.getActiveMember());
  await t.exchange('accept-invitation: twice', ben, accept(ben, first.id));
  await t.exchange('get-invitation: accepted', ben, get(ben, first.id));
  await t.exchange('reject-invitation: accepted', ben, reject(ben, first.id));
  await t.exchange('invite-member: a member', anna, invite(anna, ben.email));

  const second = (await invite(anna, carla.email, 'admin')()).data;
  await t.exchange('reject-invitation: not the recipient', ben, reject(ben, second.id));
  await t.exchange('reject-invitation', carla, reject(carla, second.id));
  await t.exchange('reject-invitation: twice', carla, reject(carla, second.id));
  await t.exchange('accept-invitation: rejected', carla, accept(carla, second.id));
  const third = (await t.exchange('invite-member: after a rejection', anna,
    invite(anna, carla.email, 'admin'))).data;
  const { error } = await t.exchange('accept-invitation: not verified, without the mail', carla,
    accept(carla, third.id));
  const mailed = new URL(await t.mail(carla, new RegExp(third.id)));
  const accepted = error ? await carla.org.acceptInvitation({
    invitationId: third.id, secret: mailed.searchParams.get('secret'),
  }) : {};
  t.check('accept-invitation: not verified, with the mail', !accepted.error);

  const cancel = (who, invitationId) => () => who.org.cancelInvitation({ invitationId });
  const fourth = (await invite(anna, dora.email)()).data;
  await t.exchange('cancel-invitation: a member may not', ben, cancel(ben, fourth.id));
  await t.exchange('cancel-invitation: not a member', dora, cancel(dora, fourth.id));
  await t.exchange('cancel-invitation', anna, cancel(anna, fourth.id));
  await t.exchange('cancel-invitation: unknown', anna, cancel(anna, nobody));
  await t.exchange('cancel-invitation: of nobody', x, cancel(x, fourth.id));
  await t.exchange('accept-invitation: canceled', dora, accept(dora, fourth.id));

  const list = (who, query) => () => who.org.listInvitations({ query });
  await t.exchange('list-invitations', anna, list(anna, { organizationId: made.one }));
  await t.exchange('list-invitations: by an admin', carla, list(carla));
  await t.exchange('list-invitations: a member may not', ben, list(ben));
  await t.exchange('list-invitations: not a member', dora,
    list(dora, { organizationId: made.one }));
  await t.exchange('list-invitations: of nobody', x, list(x));
  await t.exchange('invite-member: a member may not', ben, invite(ben, 'k@example.test'));
  await t.exchange('invite-member: an admin may', carla, invite(carla, 'k@example.test'));
  await t.exchange('invite-member: an admin no owner', carla,
    invite(carla, 'o@example.test', 'owner'));
  await t.exchange('invite-member: an owner an owner', anna,
    invite(anna, 'o@example.test', 'owner'));
}

async function members(t, { anna, ben, carla, dora }, made) {
  const x = t.person('x');
  const list = (who, query) => () => who.org.listMembers({ query });
  const all = (await t.exchange('list-members', anna, list(anna))).data.members;
  await t.exchange('list-members: two', anna, list(anna, { limit: 2 }));
  await t.exchange('list-members: from the second', anna, list(anna, { limit: 5, offset: 1 }));
  await t.exchange('list-members: sorted', anna,
    list(anna, { sortBy: 'createdAt', sortDirection: 'desc' }));
  await t.exchange('list-members: filtered', anna, list(anna,
    { filterField: 'role', filterOperator: 'eq', filterValue: 'admin' }));
  await t.exchange('list-members: filtered out', anna, list(anna,
    { filterField: 'role', filterOperator: 'ne', filterValue: 'owner' }));
  await t.exchange('list-members: by slug', anna, list(anna, { organizationSlug: 'team-two' }));
  await t.exchange('list-members: not a member', dora, list(dora, { organizationId: made.one }));
  await t.exchange('list-members: of nobody', x, list(x));
  const id = (person) => all.find((m) => m.user.email === person.email)?.id;
  const [annaId, benId, carlaId] = [anna, ben, carla].map(id);
  await t.exchange('get-active-member-role: of another', anna, () =>
    anna.org.getActiveMemberRole({ query: { userId: all.find((m) => m.id === benId).userId } }));
  await t.exchange('get-full-organization: with members', anna, () =>
    anna.org.getFullOrganization());
  await t.exchange('get-full-organization: for a member', ben, () =>
    ben.org.getFullOrganization());
  await t.exchange('get-full-organization: one member', anna, () =>
    anna.org.getFullOrganization({ query: { membersLimit: 1 } }));

  const role = (who, memberId, value) => () =>
    who.org.updateMemberRole({ memberId, role: value, organizationId: made.one });
  await t.exchange('update-member-role: a member may not', ben, role(ben, carlaId, 'member'));
  await t.exchange('update-member-role: an admin no owner', carla, role(carla, annaId, 'member'));
  await t.exchange('update-member-role: an admin makes no owner', carla,
    role(carla, benId, 'owner'));
  await t.exchange('update-member-role: an admin', carla, role(carla, benId, 'admin'));
  await t.exchange('update-member-role', anna, role(anna, benId, 'member'));
  await t.exchange('update-member-role: two', anna, role(anna, benId, ['admin', 'member']));
  await t.exchange('update-member-role: back', anna, role(anna, benId, 'member'));
  await t.exchange('update-member-role: unknown role', anna, role(anna, benId, 'king'));
  await t.exchange('update-member-role: unknown member', anna, role(anna, nobody, 'member'));
  await t.exchange('update-member-role: nothing', anna, () =>
    anna.raw('POST', '/organization/update-member-role', { json: {} }));
  await t.exchange('update-member-role: the last owner', anna, role(anna, annaId, 'member'));
  await t.exchange('update-member-role: not a member', dora, role(dora, benId, 'admin'));
  await t.exchange('update-member-role: of nobody', x, role(x, benId, 'admin'));

  const may = (who, permissions, organizationId) => () =>
    who.org.hasPermission({ permissions, organizationId });
  await t.exchange('has-permission: owner', anna, may(anna, { organization: ['update', 'delete'] }));
  await t.exchange('has-permission: admin', carla,
    may(carla, { member: ['create', 'update', 'delete'], invitation: ['create', 'cancel'] }));
  await t.exchange('has-permission: admin, delete', carla, may(carla, { organization: ['delete'] }));
  await t.exchange('has-permission: member', ben, may(ben, { member: ['create'] }));
  await t.exchange('has-permission: member, roles', ben, may(ben, { ac: ['read'] }));
  await t.exchange('has-permission: unknown resource', anna, may(anna, { castle: ['storm'] }));
  await t.exchange('has-permission: unknown action', anna, may(anna, { member: ['praise'] }));
  await t.exchange('has-permission: nothing', anna, () =>
    anna.raw('POST', '/organization/has-permission', { json: {} }));
  await t.exchange('has-permission: the older key', anna, () =>
    anna.raw('POST', '/organization/has-permission', {
      json: { permission: { organization: ['update'] } },
    }));
  await t.exchange('has-permission: not a member', dora,
    may(dora, { organization: ['update'] }, made.one));
  await t.exchange('has-permission: of nobody', x, may(x, { organization: ['update'] }));
  made.members = { annaId, benId, carlaId };
}

async function updates(t, { anna, ben, carla, dora }, made) {
  const x = t.person('x');
  const update = (who, data, organizationId = made.one) => () =>
    who.org.update({ data, organizationId });
  await t.exchange('update', anna, update(anna, { name: 'The Family' }));
  await t.exchange('update: by an admin', carla, update(carla, { logo: 'https://example.test/l' }));
  await t.exchange('update: metadata', anna, update(anna, { metadata: { ...family, tone: 'warm' } }));
  await t.exchange('update: slug', anna, update(anna, { slug: 'family-1' }));
  await t.exchange('update: its own slug', anna, update(anna, { slug: 'family-1' }));
  await t.exchange('update: slug taken', anna, update(anna, { slug: 'team-two' }));
  await t.exchange('update: empty name', anna, update(anna, { name: '' }));
  await t.exchange('update: name a number', anna, update(anna, { name: 5 }));
  await t.exchange('update: nothing', anna, () =>
    anna.raw('POST', '/organization/update', { json: {} }));
  await t.exchange('update: no data', anna, update(anna, {}));
  await t.exchange('update: another type', anna, update(anna, { metadata: { type: 'club' } }));
  await anna.org.update({ data: { metadata: family }, organizationId: made.one });
  await t.exchange('update: a member may not', ben, update(ben, { name: 'Mine' }));
  await t.exchange('update: not a member', dora, update(dora, { name: 'Mine' }));
  await t.exchange('update: of nobody', x, update(x, { name: 'Mine' }));
  await t.exchange('update: unknown space', anna, update(anna, { name: 'x' }, nobody));
}

async function leaving(t, { anna, ben, carla, dora }, made) {
  const x = t.person('x');
  const { annaId, benId, carlaId } = made.members;
  const remove = (who, memberIdOrEmail) => () =>
    who.org.removeMember({ memberIdOrEmail, organizationId: made.one });
  const leave = (who, organizationId = made.one) => () => who.org.leave({ organizationId });
  await t.exchange('remove-member: a member may not', ben, remove(ben, carlaId));
  await t.exchange('remove-member: the last owner, by an admin', carla, remove(carla, annaId));
  await t.exchange('remove-member: the last owner, by oneself', anna, remove(anna, annaId));
  await t.exchange('remove-member: unknown', anna, remove(anna, nobody));
  await t.exchange('remove-member: unknown mail', anna, remove(anna, 'z@example.test'));
  await t.exchange('remove-member: nothing', anna, () =>
    anna.raw('POST', '/organization/remove-member', { json: {} }));
  await t.exchange('remove-member: not a member', dora, remove(dora, benId));
  await t.exchange('remove-member: of nobody', x, remove(x, benId));
  await t.exchange('leave: the last owner', anna, leave(anna));
  await t.exchange('leave: not a member', dora, leave(dora));
  await t.exchange('leave: unknown', dora, leave(dora, nobody));
  await t.exchange('leave: nothing', ben, () =>
    ben.raw('POST', '/organization/leave', { json: {} }));
  await t.exchange('leave: of nobody', x, leave(x));
  await t.exchange('remove-member', anna, remove(anna, benId));
  await t.exchange('remove-member: he sees it', ben, () => ben.org.getFullOrganization());
  await t.exchange('remove-member: and it is no more his', ben, () =>
    ben.org.getFullOrganization({ query: { organizationId: made.one } }));
  await t.exchange('remove-member: twice', anna, remove(anna, benId));
  await t.exchange('remove-member: by mail', anna, remove(anna, carla.email));
  const back = (await anna.org.inviteMember({
    email: ben.email, role: 'owner', organizationId: made.one,
  })).data;
  await t.exchange('accept-invitation: as a second owner', ben, () =>
    ben.org.acceptInvitation({ invitationId: back.id }));
  await t.exchange('leave', anna, leave(anna));
  await t.exchange('leave: again', anna, leave(anna));
  await t.exchange('leave: nothing is active', anna, () => anna.org.getFullOrganization());
  await t.exchange('leave: the one who stays', ben, leave(ben));
}

async function deletions(t, { anna, ben, carla, dora }, made) {
  const x = t.person('x');
  const remove = (who, organizationId) => () => who.org.delete({ organizationId });
  const three = (await dora.org.create({
    name: 'Club', slug: 'club-three', metadata: { type: 'club' },
  })).data;
  const invitation = (await dora.org.inviteMember({ email: ben.email, role: 'admin',
    organizationId: three.id })).data;
  await ben.org.acceptInvitation({ invitationId: invitation.id });
  await t.exchange('delete: an admin may not', ben, remove(ben, three.id));
  await t.exchange('delete: not a member', carla, remove(carla, three.id));
  await t.exchange('delete: unknown', ben, remove(ben, nobody));
  await t.exchange('delete: nothing', ben, () =>
    ben.raw('POST', '/organization/delete', { json: {} }));
  await t.exchange('delete: of nobody', x, remove(x, three.id));
  await t.exchange('delete', dora, remove(dora, three.id));
  await t.exchange('delete: twice', dora, remove(dora, three.id));
  await t.exchange('delete: it is gone', dora, () =>
    dora.org.getFullOrganization({ query: { organizationId: three.id } }));
  await t.exchange('delete: gone for others', ben, () =>
    ben.org.getFullOrganization({ query: { organizationId: three.id } }));
  await t.exchange('delete: nothing is active', dora, () => dora.client.getSession());
  await t.exchange('list: what is left', anna, () => anna.org.list());
  await t.exchange('team: they are off', anna, () =>
    anna.raw('POST', '/organization/create-team', { json: { name: 'x' } }));

  for (let i = 0; i < 100; i++) {
    const { error } = await anna.org.inviteMember({ email: `guest${i}@example.test`,
      role: 'member', organizationId: made.two });
    if (error) throw new Error(`invitation ${i} of a hundred: ${JSON.stringify(error)}`);
  }
  await t.exchange('invite-member: more than a hundred', anna, () => anna.org.inviteMember({
    email: 'one-too-many@example.test', role: 'member', organizationId: made.two,
  }));
}

async function routes(t, { anna }) {
  const raw = (method, path) => () => anna.raw(method, path);
  await t.exchange('no such route', anna, raw('GET', '/no-such-route'));
  await t.exchange('no such route, POST', anna, raw('POST', '/no-such-route'));
  await t.exchange('GET of a POST', anna, raw('GET', '/sign-out'));
  await t.exchange('POST of a GET', anna, raw('POST', '/list-sessions'));
  await t.exchange('PUT', anna, raw('PUT', '/sign-out'));
  await t.exchange('DELETE', anna, raw('DELETE', '/get-session'));
  await t.exchange('slash at the end', anna, raw('GET', '/get-session/'));
  await t.exchange('in capitals', anna, raw('GET', '/GET-SESSION'));
  await t.exchange('the root of it', anna, raw('GET', ''));
}

async function goodbyes(t, { anna, ben, carla, dora }) {
  const x = t.person('x');
  const remove = (who, more = {}) => () => who.client.deleteUser(more);
  await t.exchange('delete-user: of nobody', x, remove(x));
  await t.exchange('delete-user: wrong password', dora, remove(dora, { password: 'not this one' }));
  await t.exchange('delete-user: callback elsewhere', dora,
    remove(dora, { password: dora.password, callbackURL: 'https://evil.example' }));
  await t.exchange('delete-user: unknown token', dora, remove(dora, { token: 'z'.repeat(32) }));
  const other = t.person('dora');
  await other.signIn();
  await t.exchange('delete-user: with the password', dora,
    remove(dora, { password: dora.password }));
  await t.exchange('delete-user: her other device', other, () => other.client.getSession());
  await t.exchange('delete-user: sign-in', other, () => other.signIn());
  await t.exchange('delete-user: the address is free', other, () => other.signUp());
  await t.exchange('delete-user: just signed in', other, remove(other));
  await t.exchange('sign-out: at the end', carla, () => carla.client.signOut());
  const { signed, name } = ben.token();
  await ben.client.signOut();
  await t.exchange('sign-out: the cookie is worth nothing', ben, () =>
    ben.raw('GET', '/get-session', {
      jar: false, headers: { cookie: `${name}=${encodeURIComponent(signed)}` },
    }));
  await t.exchange('sign-out: anna stays', anna, () => anna.client.getSession());
}

/** Sign-ups and sign-ins alone. */
export async function beginning(t) {
  const people = Object.fromEntries(
    ['anna', 'ben', 'carla', 'dora'].map((name) => [name, t.person(name)]));
  await signUps(t, people);
  await signIns(t, people);
}

/** All of them, in an order in which each finds what it needs. */
export async function exchanges(t) {
  const people = Object.fromEntries(
    ['anna', 'ben', 'carla', 'dora'].map((name) => [name, t.person(name)]));
  const made = {};
  await signUps(t, people);
  await signIns(t, people);
  await origins(t, people);
  await cookiesAndBearers(t, people);
  await tokens(t, people);
  await users(t, people);
  await passwords(t, people);
  await resets(t, people);
  await verifications(t, people);
  await addresses(t, people);
  await sessions(t, people);
  await spaces(t, people, made);
  await activeSpaces(t, people, made);
  await invitations(t, people, made);
  await members(t, people, made);
  await updates(t, people, made);
  await leaving(t, people, made);
  await deletions(t, people, made);
  await routes(t, people);
  await goodbyes(t, people);
}

/** What happens to those who ask too often; needs a server with limits. */
export async function limits(t) {
  const x = t.person('x');
  for (let i = 1; i <= 4; i++)
    await t.exchange(`limits: sign-in ${i}`, x, () => x.signIn());
  for (let i = 1; i <= 4; i++)
    await t.exchange(`limits: request-password-reset ${i}`, x, () =>
      x.client.requestPasswordReset({ email: x.email, redirectTo: '/reset' }));
  await t.exchange('limits: another path', x, () => x.client.getSession());
}
