// What the extension's parts hand each other. Types alone: nothing of this file is packed.
/// <reference path="../www/tagwerk.d.ts" />

/** What the tag says of itself; a tag of an older server leaves out what is optional here. */
export type Report = Omit<tagwerk.Report, 'version' | 'server' | 'settings' | 'groups' | 'minted' | 'consent'> &
  Partial<Pick<tagwerk.Report, 'version' | 'server' | 'settings' | 'groups' | 'minted'>> & {
    /** Absent where the tag could not load the part that tells. */
    consent: tagwerk.Consent | null;
  };

/** A script of the page, or something that would be one. */
export interface Script {
  /** Its address, absolute. */
  address: string;
  /** The attribute that holds it: `src`, or where somebody keeps a script back, another. */
  attribute: string;
  /** The address as it is written. */
  raw: string;
  /** The `type` as it is written. */
  type: string;
  /** Whether a browser runs such a type. */
  runs: boolean;
  /** How it is loaded. */
  async: boolean;
  defer: boolean;
  module: boolean;
  nomodule: boolean;
  /** Whether it is pinned to a hash. */
  integrity: boolean;
  /** Whether it stands where browsers do not run it. */
  within: 'page' | 'noscript' | 'template' | 'comment';
}

/** What the browser refused to a page because of its Content-Security-Policy. */
export interface Violation {
  directive: string;
  /** An address, or a word such as `wasm-eval`. */
  blocked: string;
  /** `enforce` or `report`. */
  disposition: string;
}

/** Something that the page loaded or asked for. */
export interface Resource {
  address: string;
  initiator: string;
  /** When it was asked for, in milliseconds since the page load began. */
  start: number;
  /** The answer's status; 0 where the page may not know it. */
  status: number;
  /** Whether there was an answer that the page may know of. */
  answered: boolean;
}

/** A frame in the page. */
export interface Blind {
  /** Its address; empty for one without. */
  address: string;
  /** Whether it is of the page's own origin. */
  reachable: boolean;
}

/** A link or form that nobody outside sees: it is in a closed shadow root. */
export interface Hidden {
  href: string;
  text: string;
}

/** What stands in one document: what `look.js` answers. */
export interface Page {
  address: string;
  title: string;
  /** Whether everything has been loaded, and when, in milliseconds since the page load began. */
  complete: boolean;
  loadedAt: number;
  scripts: Script[];
  violations: Violation[];
  resources: Resource[];
  /** Whether the browser has stopped to write resources down. */
  full: boolean;
  frames: Blind[];
  hidden: Hidden[];
  /** Addresses of links and forms. */
  links: string[];
  /** What `<base href>` says, absolute. */
  base: string | null;
  /** The page that this is a saved copy of. */
  savedFrom: string | null;
}

/** What a pixel of the page has in its queue. */
export interface Told {
  function: string;
  platforms: string[];
  found: boolean;
  /** What was put there, latest last, each as a short text. */
  entries: string[];
}

/** What the page's own world says of the tag: what `probe.js` answers. */
export interface Tag {
  /** What `window.tagwerk` is. */
  state: 'absent' | 'stub' | 'loaded' | 'other';
  /** Calls that wait in the stub. */
  waiting: number;
  /** What came when it was asked. */
  answer: 'report' | 'facts' | 'little' | 'nothing' | 'late' | 'error' | 'unasked';
  report: Report | null;
  /** What the error said. */
  error: string | null;
  /** Whether the page has WebAssembly. */
  wasm: boolean;
  /** Whether the page may store something. */
  storage: boolean;
  /** Whether a program drives the browser. */
  automated: boolean;
  /** Whether the browser refuses by Global Privacy Control. */
  gpc: boolean;
  /** Whether a tag manager's own line is in the page, and whether it ran. */
  manager: 'none' | 'runs' | 'blocked';
  pixels: Told[];
}

/** Where one of the report's links is. */
export interface Place {
  found: boolean;
  /** Whether it takes up room in the page. */
  shown: boolean;
  /** Whether it is in a shadow root. */
  inShadow: boolean;
}

/** One document of the tab. */
export interface Frame {
  frameId: number;
  page: Page;
  tag: Tag;
  /** One for each of the report's links. */
  places: Place[];
}

/** The tag's line that should be in a page. */
export interface Expected {
  address: string;
  origin: string;
  site_id: string;
}

/** All that was seen in a tab. The page itself is the first of the frames. */
export interface Seen {
  frames: [Frame, ...Frame[]];
  expected: Expected | null;
}

/** What is wrong, and what mends it. */
export interface Problem {
  /** A word that docs/extension.md explains. */
  id: string;
  /** `broken`: visits, clicks or sales are lost. `look`: something to look at. */
  level: 'broken' | 'look';
  title: string;
  /** What to do, in a sentence or a few. */
  mend: string;
  /** What to copy. */
  code?: string;
  /** What it is about: addresses, links. */
  about?: string[];
}
