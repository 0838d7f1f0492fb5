//! `kubectl flashjob __complete`: what kubectl asks when it completes a command line. Its last line is a number that says how
//! shells go on: 4 means that no file is meant.

use clap::{Arg, Command};
use flashjob_operator::{
    api::FlashJob,
    cli::terminal::{Failure, write_out},
};

use crate::command_line::{Common, Exit};

/// No file is meant.
const NO_FILES: &str = ":4";

/// What follows which words.
#[derive(clap::Args, Debug)]
pub struct Complete {
    /// The words so far; the last of them is not complete.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    words: Vec<String>,
}

/// What may stand at the end of a command line.
#[derive(Debug, PartialEq, Eq)]
enum Candidates {
    /// One of these words.
    Words(Vec<String>),
    /// The name of a FlashJob that begins like this.
    Jobs(String),
}

impl Complete {
    /// Prints the words, one a line.
    ///
    /// # Errors
    /// When standard output cannot be written.
    pub async fn run(&self, mut command: Command, common: &Common) -> Result<Exit, Failure> {
        command.build();
        let words = match candidates(&command, &self.words) {
            Candidates::Words(words) => words,
            Candidates::Jobs(begin) => {
                // What cannot be read completes nothing.
                let names = names(common, &self.words).await.unwrap_or_default();
                let matching = names.into_iter().filter(|name| name.starts_with(&begin));
                matching.collect()
            }
        };
        let lines = words.iter().map(String::as_str).chain([NO_FILES]);
        write_out(&(lines.collect::<Vec<_>>().join("\n") + "\n"))?;
        Ok(Exit::Done)
    }
}

/// Names of the FlashJobs of the namespace that the words so far name.
async fn names(common: &Common, words: &[String]) -> Result<Vec<String>, Failure> {
    let mut connection = common.connection.clone();
    let after = |option: &str| {
        let at = words.iter().position(|word| word == option)?;
        words.get(at + 1).cloned()
    };
    if let Some(namespace) = after("-n").or_else(|| after("--namespace")) {
        connection.namespace = Some(namespace);
    }
    let cluster = connection.connect().await?;
    let namespace = Some(cluster.namespace.as_str());
    let listed = cluster
        .reader
        .list_metadata::<FlashJob>(namespace, |_| true);
    let names = listed
        .await?
        .into_iter()
        .filter_map(|job| job.metadata.name);
    Ok(names.collect())
}

/// What may follow the words.
fn candidates(root: &Command, words: &[String]) -> Candidates {
    let (begin, before) = words
        .split_last()
        .map_or(("", &[][..]), |(last, before)| (last.as_str(), before));
    let mut command = root;
    let mut positions = 0;
    let mut open: Option<&Arg> = None;
    for word in before {
        if open.take().is_some() {
            continue;
        }
        if word.starts_with('-') {
            open =
                option(command, word).filter(|option| takes_value(option) && !word.contains('='));
        } else if let Some(found) = command.find_subcommand(word) {
            command = found;
        } else {
            positions += 1;
        }
    }
    let matching = |words: Vec<String>| {
        let matching = words.into_iter().filter(|word| word.starts_with(begin));
        Candidates::Words(matching.collect())
    };
    if let Some(option) = open {
        return matching(values(option));
    }
    if begin.starts_with('-') {
        let options = command
            .get_arguments()
            .filter(|option| !option.is_hide_set());
        let long = options.filter_map(|option| option.get_long());
        return matching(long.map(|long| format!("--{long}")).collect());
    }
    if command.has_subcommands() {
        let known = command.get_subcommands().filter(|one| !one.is_hide_set());
        return matching(known.map(|one| one.get_name().to_owned()).collect());
    }
    match command.get_positionals().nth(positions) {
        Some(place) if place.get_id() == "job" => Candidates::Jobs(begin.to_owned()),
        Some(place) => matching(values(place)),
        None => Candidates::Words(Vec::new()),
    }
}

fn option<'a>(command: &'a Command, word: &str) -> Option<&'a Arg> {
    let mut options = command.get_arguments();
    if let Some(long) = word.strip_prefix("--") {
        let long = long.split('=').next();
        return options.find(|option| option.get_long() == long);
    }
    let short = word.chars().nth(1);
    options.find(|option| option.get_short() == short)
}

fn takes_value(option: &Arg) -> bool {
    option.get_action().takes_values() && !option.is_require_equals_set()
}

fn values(option: &Arg) -> Vec<String> {
    let values = option.get_possible_values().into_iter();
    let shown = values.filter(|value| !value.is_hide_set());
    shown.map(|value| value.get_name().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;
    use rstest::rstest;

    use super::*;
    use crate::command_line::CommandLine;

    #[rstest]
    #[case::subcommands(&["l"], &["list", "logs"])]
    #[case::options(&["list", "--as"], &["--as", "--as-group"])]
    #[case::values_of_an_option(&["list", "-o", ""], &["text", "wide", "json", "yaml", "name", "jsonpath="])]
    #[case::values_of_a_place(&["completion", "k"], &["kubectl"])]
    #[case::after_an_option_of_kubectl(&["-n", "lab", "ge"], &["get"])]
    #[case::nothing_after_the_last_place(&["get", "a", ""], &[])]
    #[case::hidden_ones_are_not_told(&["__"], &[])]
    fn words_are_completed(#[case] words: &[&str], #[case] expected: &[&str]) {
        assert_eq!(
            found(words),
            Candidates::Words(expected.iter().map(|word| (*word).to_owned()).collect())
        );
    }

    #[rstest]
    #[case::at_once(&["get", "th"])]
    #[case::after_options(&["get", "-o", "wide", "--watch=false", "th"])]
    fn a_job_is_completed_by_the_names_that_there_are(#[case] words: &[&str]) {
        assert_eq!(found(words), Candidates::Jobs("th".into()));
    }

    fn found(words: &[&str]) -> Candidates {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        let mut command = CommandLine::command();
        command.build();
        candidates(&command, &words)
    }
}
