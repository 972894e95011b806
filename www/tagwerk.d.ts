// The tag's interface for pages, and what `tagwerk('inspect')` answers. The report's types say the same as inspect/src/report.rs;
// tests hold the two together.
//
// A page's TypeScript takes it by `/// <reference path="tagwerk.d.ts" />`. The function is there as soon as the page has the
// script, or the stub before it:
//
//     window.tagwerk = window.tagwerk || function () { (tagwerk.q = tagwerk.q || []).push(arguments) }
//
// The stub keeps calls until the script has come, and answers none of them: hence the `undefined`s.

declare namespace tagwerk {
  /** Who does the work: the WebAssembly part, or the shim alone where WebAssembly cannot run. */
  type Mode = 'wasm' | 'shim';

  /** What the visitor has said; `pending` until then. */
  type Consent = 'granted' | 'pending' | 'denied';

  /** A click id: 32 characters `[a-z0-9]`. It is the id of its event, too. */
  type ClickId = string;

  /** What an event may say about itself. Names beyond the known ones are the page's own and are kept as they are. */
  interface Attributes {
    /** What it is worth, as a number or a decimal string (`'9.90'`). */
    value?: number | string | null;
    /** ISO 4217, as in `'EUR'`. */
    currency?: string | null;
    /** The page's own id of the transaction. */
    transactionId?: string | number | null;
    /** An e-mail address. It is hashed (SHA-256 of the trimmed, lower-cased address) in the browser and never leaves it as it is. */
    email?: string | null;
    /** What is in the cart, in whatever form the page's pixels want it. */
    items?: readonly object[] | null;
    /** What was clicked or filled in, in words. */
    label?: string | null;
    [name: string]: string | number | boolean | object | null | undefined;
  }

  /** A command that waits in the stub for the script. */
  type Command =
    | ['trigger', string, Attributes?]
    | ['decorate', string | URL]
    | ['consent', 'granted' | 'denied']
    | ['inspect']
    | ['ready'];

  interface Tagwerk {
    /**
     * Reports an event. Answers its click id, which is its event id on the server and for the page's pixels;
     * `undefined` from the stub, before the script has come.
     */
    (command: 'trigger', name: string, attributes?: Attributes): ClickId | undefined;
    /**
     * The URL with a click id, if it is a network's, else as it was; for addresses that the page itself opens
     * (`window.open(tagwerk('decorate', url))`). `undefined` from the stub.
     */
    (command: 'decorate', url: string | URL): string | undefined;
    /** What the visitor said. A refusal removes what is stored and stops the sending. */
    (command: 'consent', state: 'granted' | 'denied'): void;
    /**
     * What the tag sees on this page, what it does, and why. Loads a module that nobody else pays for; where that cannot be
     * loaded, the shim's own facts come in the report's place. `undefined` from the stub.
     */
    (command: 'inspect'): Promise<Report | Facts> | undefined;
    /** Who does the work on this page, once that is decided. `undefined` from the stub. */
    (command: 'ready'): Promise<Mode> | undefined;
    /** The stub's queue. */
    q?: ArrayLike<unknown>[];
    /** Whether the script has come. */
    loaded?: boolean;
  }

  /**
   * What `tagwerk('inspect')` answers. Every key is always there; what is absent is `null`. Where WebAssembly cannot run, `links`
   * is empty, `pixels` holds those alone that the site feeds, and `problems` says why.
   */
  interface Report {
    /** Who does the work. */
    mode: Mode;
    /** Whether that is decided. */
    ready: boolean;
    /** Version of the server that the report's module came from. */
    version: string | null;
    /** The site's public id. */
    site_id: string;
    /** Whom the tag talks to. */
    server: Server;
    /** What the site has set, as far as it decides what the tag does. */
    settings: Settings;
    /** The tracking groups by which links are recognised. */
    groups: Group[];
    /** The visit that this page load belongs to: 16 characters, which its click ids begin with. */
    visit_id: string | null;
    /** The browser's first-party id. */
    visitor_id: string | null;
    /** What the visitor has said. */
    consent: Consent;
    /** Where the visitor came from. */
    source: Source;
    /** Every link and form that could be a network's, in document order, those in open shadow roots after their host. */
    links: Link[];
    /** The click ids that this page load has put into links and that are not used up. */
    minted: ClickId[];
    /** The events of this page load, and those that earlier ones left behind, in order of time. */
    events: Event[];
    /** The page's own pixels. */
    pixels: Pixel[];
    /** What AutoScan found out about cloaked links. */
    cloaked: Cloaked[];
    /** What went wrong or is odd, a sentence each. */
    problems: string[];
  }

  /** The server that the tag talks to. */
  interface Server {
    /** Its origin. */
    origin: string;
    /** Where events go. */
    event: string;
    /** What the script loads: glue, WebAssembly, and the two files of the inspection. */
    assets: string[];
    /** Hosts of the origins that it takes events from; none where it takes them from everywhere. */
    hosts: string[];
    /** How far the visitor's clock is ahead of the server's, in milliseconds, to the second. */
    clock_ahead: number | null;
  }

  /** What the site has set. */
  interface Settings {
    /** Whether the visitor has to agree first, and how they say so. */
    consent: 'none' | 'required' | 'auto';
    /** Whether links get click ids before consent. */
    decorate_without: boolean;
    /** Whether Global Privacy Control is a refusal. */
    gpc: boolean;
    /** What becomes of somebody else's sub-id. */
    existing: 'keep' | 'replace';
    /** Hosts whose links AutoScan asks about; none where it is off. */
    scan_hosts: string[];
  }

  /** How a tracking group's links are recognised. */
  interface Group {
    /** Its name. */
    name: string;
    /** The parameter that takes the click id. */
    sub_id: string;
    /** Its hosts; sub-domains are included. */
    hosts: string[];
    /** What a path of its begins with; none where any will do. */
    paths: string[];
  }

  /** What the shim knows by itself: the answer to `inspect` where the module of the report cannot be loaded. */
  interface Facts {
    /** Who does the work. */
    mode: Mode;
    /** What went wrong, a sentence each. */
    problems: string[];
    /** Whether it is decided who does the work. */
    ready?: boolean;
    /** What the visitor has said. */
    consent?: Consent;
    /** The site's public settings, form-encoded (docs/protocol.md). */
    settings?: string;
    /** What is remembered of visit and visitor, form-encoded. */
    record?: string;
    /** The click ids of this page load that stand in links. */
    minted?: ClickId[];
    /** Events' lines and the status of the server's answer: 0 where there was none, `null` while it is awaited. */
    sent?: [line: string, status: number | null][];
    /** Events' lines that wait for consent. */
    held?: string[];
    /** Events' lines that no server has acknowledged, one a line. */
    outbox?: string;
    /** AutoScan's answers, form-encoded. */
    cloaked?: string[];
    /** The tag's server. */
    origin?: string;
    /** A report has links. */
    links?: undefined;
  }

  /** Where the visitor came from. */
  interface Source {
    /** `utm_*` parameters of the arrival that counts: the landing if it has a source, else the last touch. */
    utm: Record<string, string>;
    /** Ad click ids of the arrival that counts, in the platforms' spelling. */
    click_ids: Record<string, string>;
    /** Referrer of the arrival that counts. */
    referrer: string | null;
    /** How this visit began. */
    landing: Arrival | null;
    /** The first arrival that is known. */
    first: Arrival | null;
    /** The last arrival that had a source. */
    last: Arrival | null;
  }

  /** One arrival at the site. */
  interface Arrival {
    /** When, in milliseconds since 1970 UTC. */
    at: number;
    /** The page's address. */
    page: string;
    /** Where from, if the browser says. */
    referrer: string | null;
    /** `utm_*` parameters. */
    utm: Record<string, string>;
    /** Ad click ids, in the platforms' spelling. */
    click_ids: Record<string, string>;
  }

  /**
   * What becomes of a link: `decorated`, it carries a click id of this page load; `will_be_decorated`, it gets one at the latest
   * when it is used; `foreign`, it keeps somebody else's sub-id; `left`, it stays as it is.
   */
  type Verdict = 'decorated' | 'will_be_decorated' | 'foreign' | 'left';

  /** A link or form that could be a network's. */
  interface Link {
    /** `link` for `a` and `area`, `form` for a form. */
    kind: 'link' | 'form';
    /** Its address, as it stands in the page. */
    href: string;
    /** Its text, white space collapsed, 120 characters at most. */
    text: string;
    /** The tracking group it belongs to. */
    group: string | null;
    /** What becomes of it. */
    verdict: Verdict;
    /** Why, in a sentence. */
    reason: string;
    /** The click id of this page load that it carries. */
    click_id: ClickId | null;
  }

  /**
   * How far an event has come: `held`, it waits for consent; `in_flight`, it is on its way; `delivered`, the server has it on disk;
   * `refused`, the server does not want it; `failed`, the last try failed and the next page tries again; `waiting`, an earlier page
   * left it in the outbox.
   */
  type State = 'held' | 'in_flight' | 'delivered' | 'refused' | 'failed' | 'waiting';

  /** An event, and how far it has come. */
  interface Event {
    /** Its id. */
    event_id: string;
    /** `PageView`, `OutboundClick`, or a name of the page's own. */
    name: string;
    /** When, in milliseconds since 1970 UTC. */
    at: number;
    /** The click id handed out with it. */
    click_id: ClickId | null;
    /** Where the link that was clicked leads. */
    href: string | null;
    /** The text of the link that was clicked. */
    label: string | null;
    /** The tracking group of the link that was clicked. */
    group: string | null;
    /** What `trigger` was given. */
    attributes: Record<string, string>;
    /** How far it has come. */
    state: State;
    /** The status of the server's last answer. */
    status: number | null;
  }

  /** A function of the page that takes events for an ad platform. */
  interface Pixel {
    /** Where it is, below `window`. */
    function: string;
    /** The platforms it belongs to, by their names in the site's setting `pixels`. */
    platforms: string[];
    /** Whether this site feeds it. */
    switched_on: boolean;
    /** Whether the page has it. */
    found: boolean;
    /** The names of the events that it is fed; `*` for all that have no name here. */
    events: string[];
  }

  /** What AutoScan found out about a link. */
  interface Cloaked {
    /** The link's address, without query and fragment. */
    url: string;
    /** The tracking group it leads to. */
    group: string | null;
    /** Whether it passes query parameters on. */
    forwards: boolean;
    /** The offer it leads to, where that is to be used in its stead. */
    resolved: string | null;
    /** Why, in a sentence. */
    reason: string | null;
  }
}

declare const tagwerk: tagwerk.Tagwerk;

interface Window {
  tagwerk: tagwerk.Tagwerk;
}
