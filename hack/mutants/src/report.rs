//! The score by room, and the list of what no test notices.

use std::{collections::BTreeMap, fmt::Write as _, fs, path::Path};

use anyhow::Result;

use crate::{build::Built, mutant::Mutant, run::Verdict};

#[derive(Default)]
struct Room {
    caught: usize,
    missed: usize,
    unreached: usize,
    untried: usize,
}

/// Prints the score of each room, and writes what was missed into `missed.txt` and what could not be tried into `untried.txt`.
pub fn write(
    output: &Path,
    mutants: &[Mutant],
    built: &Built,
    verdicts: &BTreeMap<usize, Verdict>,
) -> Result<()> {
    let mut rooms: BTreeMap<&str, Room> = BTreeMap::new();
    let (mut missed, mut untried) = (String::new(), String::new());
    for (&number, verdict) in verdicts {
        let room = rooms.entry(room(&mutants[number].file)).or_default();
        let word = match verdict {
            Verdict::Caught => {
                room.caught += 1;
                continue;
            }
            Verdict::Missed => {
                room.missed += 1;
                "missed"
            }
            Verdict::Unreached => {
                room.unreached += 1;
                "unreached"
            }
        };
        writeln!(missed, "{word:9} {}", mutants[number].name)?;
    }
    for (&number, why) in &built.untried {
        rooms
            .entry(room(&mutants[number].file))
            .or_default()
            .untried += 1;
        writeln!(untried, "{why:10} {}", mutants[number].name)?;
    }
    fs::write(output.join("missed.txt"), missed)?;
    fs::write(output.join("untried.txt"), untried)?;
    println!(
        "\n| room | mutants | caught | missed | no test reaches it | score | not tried |\n|---|---|---|---|---|---|---|"
    );
    for (
        name,
        Room {
            caught,
            missed,
            unreached,
            untried,
        },
    ) in &rooms
    {
        let all = caught + missed + unreached;
        let score = 1000 * caught / all.max(1);
        println!(
            "| {name} | {all} | {caught} | {missed} | {unreached} | {}.{} % | {untried} |",
            score / 10,
            score % 10
        );
    }
    println!(
        "\n{} mutants do not compile. See {}/missed.txt.",
        built.uncompilable.len(),
        output.display()
    );
    Ok(())
}

/// Rooms are directories of `src/flashjob`, and `src`'s others; of a crate, its directory.
fn room(file: &str) -> &str {
    let depth = match file.split('/').next() {
        Some("crates") => 2,
        _ if file.starts_with("src/flashjob/") || file.starts_with("src/flash_pod/") => 3,
        _ => 2,
    };
    let end = file
        .match_indices('/')
        .nth(depth - 1)
        .map_or(file.len(), |(at, _)| at);
    &file[..end]
}
