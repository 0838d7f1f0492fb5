//! Compiled regular expressions, and what compiling and matching one costs. Pure; used by `regexes.rs`.
//!
//! Matching takes time in proportion to the text and to the size of the program that a pattern becomes, which only its compiler
//! knows: the smallest limit under which it compiles is taken for its weight.

use std::rc::Rc;

use regex::{Regex, RegexBuilder};

use super::support::Outcome;
use super::{Call, FunctionError};
use crate::engine::error::Bound;
use crate::go_regexp;

/// Limits of the size of a program, in bytes; one that needs more is refused.
const PROGRAMS: [usize; 7] = [
    4 << 10,
    16 << 10,
    64 << 10,
    256 << 10,
    1 << 20,
    4 << 20,
    16 << 20,
];
/// What a program may need while it runs.
const CACHE: usize = 256 << 10;
/// Levels of groups and repetitions: twice as many as in Go, because the translation writes up to two for one.
const NEST_LIMIT: u32 = 2500;
/// Steps of compiling anything at all.
const COMPILED: usize = 200;
/// Steps of compiling a byte of a pattern: `\\pL` is a table.
const BYTE_COMPILED: usize = 100;
/// Bytes of a program that are built for the price of a step.
const PROGRAM_OF_STEP: usize = 64;
/// Bytes of a program for each byte that a group takes in a search.
const BYTES_OF_STATE: usize = 2;
/// Bytes of text that the smallest program looks through for the price of a step.
const TEXT_OF_STEP: usize = 8;
/// Bytes that are looked through again after each match, for the price of a step.
const REST_OF_STEP: usize = 64;

/// A compiled expression.
pub struct Pattern {
    pub(super) regex: Regex,
    /// Names of groups with their numbers.
    pub(super) names: Vec<(String, usize)>,
    /// How much larger its program is than the smallest.
    weight: usize,
}

/// Steps of compiling a pattern of that length, its program aside.
pub(in crate::engine) const fn pattern_steps(length: usize) -> usize {
    COMPILED + length.saturating_mul(BYTE_COMPILED)
}

/// The compiled form of a pattern of Go's, accounted for.
pub(super) fn compile(call: &mut Call<'_>, text: &Rc<str>, captures: bool) -> Outcome<Rc<Pattern>> {
    if let Some(known) = call.state.pattern(text, captures) {
        return Ok(known);
    }
    call.work(pattern_steps(text.len()))?;
    let translated = go_regexp::translate(text, captures)
        .map_err(|error| FunctionError::new(error.to_string()))?;
    for (index, limit) in PROGRAMS.into_iter().enumerate() {
        call.work(limit / PROGRAM_OF_STEP)?;
        call.charge(limit + CACHE)?;
        let built = RegexBuilder::new(&translated.pattern)
            .size_limit(limit)
            .dfa_size_limit(CACHE)
            .nest_limit(NEST_LIMIT)
            .build();
        match built {
            Ok(regex) => {
                // A search that captures keeps all groups for every state of the program.
                let groups = if captures { regex.captures_len() } else { 1 };
                call.charge(groups.saturating_mul(limit / BYTES_OF_STATE))?;
                let weight = groups << (2 * index);
                let names = translated.names;
                let pattern = Rc::new(Pattern {
                    regex,
                    names,
                    weight,
                });
                call.state
                    .keep_pattern(Rc::clone(text), captures, Rc::clone(&pattern));
                return Ok(pattern);
            }
            Err(regex::Error::CompiledTooBig(_)) => {}
            // The crate accepts everything that the translation writes. If it does not, the translation is wrong and not the pattern.
            Err(error) => return Err(FunctionError::new(error.to_string())),
        }
    }
    Err(FunctionError::bound(Bound::Size))
}

impl Pattern {
    /// Accounts for looking through a text once.
    pub(super) fn look(&self, call: &mut Call<'_>, text: &str) -> Outcome<()> {
        call.work((text.len() / TEXT_OF_STEP).saturating_mul(self.weight))
    }

    /// Accounts for a match at which the rest of the text begins: the search for the next one may look through all of it.
    pub(super) fn look_on(&self, call: &mut Call<'_>, rest: usize) -> Outcome<()> {
        call.work((1 + rest / REST_OF_STEP).saturating_mul(self.weight))?;
        call.state.look().map_err(FunctionError::Render)
    }
}
