import { mount } from 'svelte';
import App from './App.svelte';
import { watchWorker } from './service/register.ts';
import './style/fonts.css';
import './style/base.css';

const target = document.getElementById('app');
if (target) mount(App, { target });
watchWorker();
