//! The page's own pixels: which are fed, and which are there. Pure.

use crate::report::Pixel;

/// One row a function, in the order of the settings, and a sentence for each call that does not read.
/// `calls` are the settings' texts, `is_there` tells whether the page has a function.
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
                pixels.push(Pixel { function: function.to_owned(), switched_on: true, found, events: names.collect() });
            }
        }
    }
    (pixels, problems)
}
