//! The documents show commands that exist, with options that exist.

use std::path::{Path, PathBuf};

use clap::{CommandFactory, Parser};

use crate::command_line::{CommandLine, PROGRAM};

/// Every page for people but the reference, which is generated.
fn pages() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let folders = ["", "docs", "deploy", "charts/flashjob-operator"];
    let files = folders.iter().flat_map(|folder| {
        let files = std::fs::read_dir(root.join(folder)).unwrap();
        files.map(|file| file.unwrap().path())
    });
    files
        .filter(|file| file.extension().is_some_and(|end| end == "md"))
        .filter(|file| !file.ends_with("kubectl-flashjob.md"))
        .collect()
}

/// The commands of this program on a line: at its beginning, or between backticks.
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
                let words = command.split_whitespace().skip(2);
                let words = words.take_while(|word| !matches!(*word, "#" | "|" | "\\|" | ">"));
                let words: Vec<String> = words
                    .map(|word| word.replace(['[', ']', ','], ""))
                    .collect();
                seen += 1;
                let place = format!("{}:{}: {command}", page.display(), number + 1);
                // The subcommand alone stands for all that it does.
                if words.len() < 2 {
                    let name = words.first().map_or("help", String::as_str);
                    let known = CommandLine::command();
                    assert!(
                        known.find_subcommand(name).is_some() || name == "help",
                        "{place}"
                    );
                    continue;
                }
                let line = std::iter::once("kubectl-flashjob".to_owned()).chain(words);
                let parsed = CommandLine::try_parse_from(line);
                assert!(parsed.is_ok(), "{place}\n{}", parsed.unwrap_err());
            }
        }
    }
    assert!(seen >= 10, "only {seen} commands were found");
}
