//! Chance from a seed: the same seed is the same history, on every machine and for ever.

/// SplitMix64. A stream of numbers that never changes with a dependency's version, so that a printed seed stays replayable.
#[derive(Clone, Debug)]
pub struct Chance {
    state: u64,
}

impl Chance {
    pub fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// A number below `below`.
    pub fn draw(&mut self, below: usize) -> usize {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut number = self.state;
        number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        number ^= number >> 31;
        usize::try_from((number >> 11) % u64::try_from(below).unwrap()).unwrap()
    }

    /// A byte.
    pub fn byte(&mut self) -> u8 {
        self.draw(256).to_le_bytes()[0]
    }

    /// A stream of its own, from this one.
    pub fn branch(&mut self) -> Self {
        Self::new(u64::try_from(self.draw(usize::MAX)).unwrap())
    }

    /// True once in so many times.
    pub fn one_in(&mut self, many: usize) -> bool {
        self.draw(many) == 0
    }

    /// One of these, if there is any.
    pub fn pick<T>(&mut self, from: impl IntoIterator<Item = T>) -> Option<T> {
        let mut from: Vec<T> = from.into_iter().collect();
        if from.is_empty() {
            return None;
        }
        let place = self.draw(from.len());
        Some(from.swap_remove(place))
    }
}
