// Headless Chromium as the tests start it.
import { chromium } from 'playwright-core';

const FLAGS = ['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--disable-background-networking', '--no-first-run'];

/** Starts the browser that set-up found, with whatever flags a test adds. */
export function launch(flags = []) {
  return chromium.launch({ executablePath: process.env.TAGWERK_CHROMIUM ?? '/usr/bin/chromium', args: [...FLAGS, ...flags] });
}
