//! The documents show commands that exist, with options that exist.

use clap::Parser;
use testbed::documents::{commands, pages};

use super::CommandLine;

const PROGRAM: &str = "flashjob-operator ";

#[test]
fn every_command_of_the_documents_is_one_that_the_program_takes() {
    let mut seen = 0;
    for page in pages("cli.md") {
        let text = std::fs::read_to_string(&page).unwrap();
        for (number, line) in text.lines().enumerate() {
            for command in commands(PROGRAM, line) {
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
    assert!(seen >= 2, "only {seen} commands were found");
}
