/* Starts the service worker, and tells the page when a newer version of it waits. */
import { app } from '../lib/app.svelte.ts';
import { t } from '../lib/i18n.svelte.ts';

function offer(waiting: ServiceWorker): void {
  app.say(t('update.ready'), {
    label: t('update.reload'),
    run: () => waiting.postMessage('take over'),
  });
}

async function register(): Promise<void> {
  const first = !navigator.serviceWorker.controller;
  navigator.serviceWorker.addEventListener('controllerchange', () => {
    if (!first) location.reload();
  });
  const registration = await navigator.serviceWorker.register('/sw.js');
  if (registration.waiting && !first) offer(registration.waiting);
  registration.addEventListener('updatefound', () => {
    const fresh = registration.installing;
    fresh?.addEventListener('statechange', () => {
      if (fresh.state === 'installed' && !first) offer(fresh);
    });
  });
}

/* Only over https or on this machine do browsers have one; without it everything works online. */
export function watchWorker(): void {
  if (!import.meta.env.PROD || !('serviceWorker' in navigator)) return;
  addEventListener('load', () => void register().catch(() => undefined));
}
