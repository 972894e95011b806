//! The page's own pixels: which are fed, and which are there. Pure.

use crate::report::Pixel;

mod known {
    // Each function and a platform that it belongs to.
    include!(concat!(env!("OUT_DIR"), "/pixels.rs"));
}

/// One row a function: those that the site feeds, then others that the page has; and a sentence for each call that does not
/// read or finds no function. `calls` are the settings' texts, `is_there` tells whether the page has a function.
pub fn pixels(calls: &[String], is_there: impl Fn(&str) -> bool) -> (Vec<Pixel>, Vec<String>) {
    let mut pixels: Vec<Pixel> = Vec::new();
    let mut problems = Vec::new();
    for call in calls {
        let mut parts = call.splitn(3, ' ');
        let (Some(function), Some(events), Some(_)) = (parts.next(), parts.next(), parts.next()) else {
            problems.push(format!("a pixel's call does not read: {call}"));
            continue;
        };
        let names = events.split(',').filter_map(|pair| pair.split('=').next()).map(str::to_owned);
        match pixels.iter_mut().find(|known| known.function == function) {
            Some(known) => known.events.extend(names),
            None => {
                let found = is_there(function);
                if !found {
                    problems.push(format!("the pixel {function} is switched on, but the page has no such function"));
                }
                pixels.push(Pixel { switched_on: true, found, events: names.collect(), ..row(function) });
            }
        }
    }
    for (function, _) in known::FUNCTIONS {
        if !pixels.iter().any(|known| known.function == *function) && is_there(function) {
            pixels.push(Pixel { found: true, ..row(function) });
        }
    }
    (pixels, problems)
}

/// A function with its platforms, and nothing known of the page.
fn row(function: &str) -> Pixel {
    let platforms = known::FUNCTIONS.iter().filter(|(known, _)| *known == function);
    Pixel {
        function: function.to_owned(),
        platforms: platforms.map(|(_, platform)| (*platform).to_owned()).collect(),
        switched_on: false,
        found: false,
        events: Vec::new(),
    }
}
