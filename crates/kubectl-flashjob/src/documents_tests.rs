//! The documents show commands that exist, with options that exist.

use clap::{CommandFactory, Parser};
use testbed::documents::{commands, pages};

use crate::command_line::{CommandLine, PROGRAM};

#[test]
fn every_command_of_the_documents_is_one_that_the_program_takes() {
    let mut seen = 0;
    for page in pages("kubectl-flashjob.md") {
        let text = std::fs::read_to_string(&page).unwrap();
        for (number, line) in text.lines().enumerate() {
            for command in commands(PROGRAM, line) {
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
