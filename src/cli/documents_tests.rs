//! The documents show commands that exist, with options that exist.

use std::path::{Path, PathBuf};

use clap::Parser;

use super::CommandLine;

const PROGRAM: &str = "flashjob-operator ";

/// Every page for people but the reference, which is generated.
fn pages() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut pages = Vec::new();
    for directory in [
        "",
        "docs",
        "deploy",
        "charts/flash-pod",
        "charts/flashjob-operator",
    ] {
        let files = std::fs::read_dir(root.join(directory)).unwrap();
        let files = files.map(|file| file.unwrap().path());
        pages.extend(files.filter(|file| file.extension().is_some_and(|end| end == "md")));
    }
    pages.retain(|page| !page.ends_with("cli.md"));
    pages
}

/// The commands of this program on a line: at its beginning, or between backticks where they have arguments.
fn commands(line: &str) -> Vec<&str> {
    let begins = line.trim_start().trim_start_matches("$ ");
    if begins.starts_with(PROGRAM) {
        return vec![begins];
    }
    let inline = line.split('`').skip(1).step_by(2);
    inline.filter(|code| code.starts_with(PROGRAM)).collect()
}

#[test]
fn every_command_of_the_documents_is_one_that_the_program_takes() {
    let mut seen = 0;
    for page in pages() {
        let text = std::fs::read_to_string(&page).unwrap();
        for (number, line) in text.lines().enumerate() {
            for command in commands(line) {
                let words = command
                    .split_whitespace()
                    .take_while(|word| !matches!(*word, "#" | "|" | "\\|" | ">"));
                let words: Vec<String> = words.map(|word| word.replace(['[', ']'], "")).collect();
                // The subcommand alone stands for all that it does.
                if words.len() == 2 && !command.contains('#') {
                    let known = <CommandLine as clap::CommandFactory>::command();
                    assert!(known.find_subcommand(&words[1]).is_some(), "{command}");
                    continue;
                }
                // ROUND.STEP stands for two numbers.
                let words = words.iter().map(|word| word.replace("ROUND.STEP", "1.1"));
                let parsed = CommandLine::try_parse_from(words);
                let place = format!("{}:{}: {command}", page.display(), number + 1);
                assert!(parsed.is_ok(), "{place}\n{}", parsed.unwrap_err());
                seen += 1;
            }
        }
    }
    assert!(seen >= 15, "only {seen} commands were found");
}
