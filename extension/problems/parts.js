// @ts-check
// Problems of what the script loads: the second part, WebAssembly, the report itself. They tell why the tag works as `shim`. Pure.
import { originOf, plainly } from '../tags.js';
import { cspScript } from './script.js';

/** @typedef {import('../problems').Scene} Scene @typedef {import('../seen').Problem} Problem */

/** @param {Scene} scene @param {RegExp} directive @param {(blocked: string) => boolean} wanted */
const refused = ({ page }, directive, wanted) =>
  page.violations.some((violation) => directive.test(violation.directive) && violation.disposition !== 'report' && wanted(violation.blocked));

/** What the script loads: as the report names it, else whatever of its server's assets the page asked for. @param {Scene} scene */
function partsOf({ page, report, server }) {
  const named = report?.server?.assets ?? [];
  if (named.length > 0) return page.resources.filter(({ address }) => named.includes(plainly(address)));
  return page.resources.filter(({ address }) => server && originOf(address) === server && /\/assets\/[^/]+\.(js|wasm)$/.test(plainly(address)));
}

/**
 * Why the tag works without one of its parts, one reason at most: the others follow from it.
 * @param {Scene} scene
 * @returns {Problem[]}
 */
export function partProblems(scene) {
  const { tag, report, server } = scene;
  if (tag.answer === 'late' || tag.answer === 'nothing' || tag.answer === 'error') {
    return [{
      id: 'no_report',
      level: 'look',
      title: 'The tag is there, but does not say what it sees',
      mend: `Load the page again and look once more. If that does not help, open the browser's console and call await tagwerk('inspect').${tag.error ? ` It said: ${tag.error}` : ''}`,
    }];
  }
  if (!report) return [];
  const isWhole = report.mode === 'wasm' && tag.answer === 'report';
  // Blocked addresses of another origin after a redirect are told as their origin alone.
  const isServer = (/** @type {string} */ blocked) => server !== '' && originOf(blocked) === server;
  if (refused(scene, /^(connect-src|default-src)/, isServer)) {
    return [{
      id: 'csp_connect',
      level: 'broken',
      title: 'The page\'s Content-Security-Policy keeps the tag from its server: no event gets out',
      mend: 'Add the server\'s origin to connect-src. Until then links carry ids, but the server knows no visit, and sales come in as unattributed.',
      code: `connect-src ${server}`,
    }];
  }
  if (isWhole) return [];
  if (refused(scene, /^(script-src|default-src)/, isServer)) return [cspScript(server)];
  const said = report.problems.join('\n');
  if (!tag.wasm) {
    return [{
      id: 'no_webassembly',
      level: 'look',
      title: 'This browser has no WebAssembly: the tag works by its first part alone',
      mend: 'Nothing is wrong with the page: a lockdown mode or a policy of this browser switches it off. Clicks are counted; links are decorated when they are used, and not judged here.',
    }];
  }
  if (refused(scene, /^(script-src|default-src)/, (blocked) => /^wasm-eval/.test(blocked)) || /WebAssembly\.\w+\(\)[^]*(Content Security|unsafe-eval)/i.test(said)) {
    return [{
      id: 'csp_wasm',
      level: 'broken',
      title: 'The page\'s Content-Security-Policy forbids WebAssembly: the tag works by its first part alone',
      mend: 'Add \'wasm-unsafe-eval\' to script-src. Until then links are decorated only when they are used, AutoScan is off, and who is new gets no first and last touch.',
      code: '\'wasm-unsafe-eval\'',
    }];
  }
  const parts = partsOf(scene);
  if (parts.some(({ status }) => status === 404 || status === 410)) {
    return [{
      id: 'old_copy',
      level: 'broken',
      title: 'An old copy of the tag\'s script is in the page: its server no longer has what it loads',
      mend: 'An optimising plugin, a cache or a proxy keeps it. Exclude the tag\'s script there, empty the caches, and load the page again.',
      about: parts.filter(({ status }) => status === 404 || status === 410).map(({ address }) => address),
    }];
  }
  if (/magic (word|number)/i.test(said)) {
    return [{
      id: 'not_wasm',
      level: 'broken',
      title: 'Something else is answered in the place of the tag\'s WebAssembly',
      mend: 'A proxy or a plugin answers /assets/tag.….wasm with a page of its own, or changes it. Let that path through unchanged.',
      about: parts.map(({ address }) => address).filter((address) => /\.wasm$/.test(plainly(address))),
    }];
  }
  const silent = parts.filter(({ answered, status }) => !answered && status === 0);
  if (silent.length > 0) {
    return [{
      id: 'part_blocked',
      level: report.mode === 'wasm' ? 'look' : 'broken',
      title: report.mode === 'wasm' ? 'The tag works, but the part that makes this report did not come' : 'A part of the tag did not come: it is blocked, or the server cannot be reached',
      mend: 'Open its address in a new tab. If it is there, an ad blocker keeps it from the page; else the server is down, or a proxy does not let the path through.',
      about: silent.map(({ address }) => address),
    }];
  }
  if (report.mode === 'wasm') return [];
  return [{ id: 'shim', level: 'broken', title: 'The tag works by its first part alone', mend: 'What it says of it stands below; docs/tag.md has more under "mode is shim".', about: report.problems }];
}
