//! How often a screen is redrawn. Pure.

use std::time::{Duration, Instant};

/// Least time between two pictures: five a second.
const LEAST: Duration = Duration::from_millis(200);

/// When the next picture is due, if anything has changed since the last one.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    earliest: Instant,
    changed: bool,
}

impl Pace {
    /// The first picture is due at once.
    pub fn from(now: Instant) -> Self {
        Self {
            earliest: now,
            changed: true,
        }
    }

    /// Something has changed.
    pub fn change(&mut self) {
        self.changed = true;
    }

    /// When the next picture is due; never while nothing changes.
    pub fn due(&self) -> Option<Instant> {
        self.changed.then_some(self.earliest)
    }

    /// A picture was drawn.
    pub fn drawn(&mut self, now: Instant) {
        *self = Self {
            earliest: now + LEAST,
            changed: false,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_every_millisecond_makes_five_pictures_a_second() {
        let begin = Instant::now();
        let mut pace = Pace::from(begin);
        let mut pictures = 0;
        for millisecond in 0..1000 {
            let now = begin + Duration::from_millis(millisecond);
            pace.change();
            if pace.due().is_some_and(|due| due <= now) {
                pictures += 1;
                pace.drawn(now);
            }
        }
        assert_eq!(pictures, 5);
        pace.drawn(begin);
        assert_eq!(pace.due(), None, "nothing has changed since");
    }
}
