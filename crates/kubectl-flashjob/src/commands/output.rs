//! The forms in which something is printed.

use std::{ffi::OsStr, marker::PhantomData};

use clap::{
    Arg, Command, ValueEnum,
    builder::{PossibleValue, PossibleValuesParser, TypedValueParser, ValueParserFactory},
    error::ErrorKind,
};
use flashjob_operator::{
    cli::terminal::{self, Failure, write_out},
    names,
};
use serde::Serialize;

use crate::jsonpath::Template;

/// What `-o` of a template begins with.
const TEMPLATE: &str = "jsonpath=";

/// How something is printed.
#[derive(clap::ValueEnum, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Output {
    /// For people.
    #[default]
    Text,
    /// For people, with more in it.
    Wide,
    /// For programs.
    Json,
    /// The same as YAML.
    Yaml,
    /// Names alone, as kubectl takes them.
    Name,
}

/// A form in which something is printed.
pub trait Form: Copy {
    /// The form of a document; none where there is none: for people, or of names.
    fn document(self) -> Option<terminal::Output>;
}

impl Form for Output {
    fn document(self) -> Option<terminal::Output> {
        match self {
            Self::Text | Self::Wide | Self::Name => None,
            Self::Json => Some(terminal::Output::Json),
            Self::Yaml => Some(terminal::Output::Yaml),
        }
    }
}

impl Form for terminal::Output {
    fn document(self) -> Option<terminal::Output> {
        (self != Self::Text).then_some(self)
    }
}

/// How a document is printed: in one of the forms, or by a template.
#[derive(Clone, Debug)]
pub enum Shown<F> {
    /// In this form.
    As(F),
    /// As this template says.
    By(Template),
}

impl<F: PartialEq> Shown<F> {
    /// Whether it is printed in this form.
    pub fn is(&self, form: &F) -> bool {
        matches!(self, Self::As(own) if own == form)
    }
}

impl<F: Form> Shown<F> {
    /// Prints a document for programs, or what a template makes of it; like kubectl, without a line feed of its own. Returns whether it
    /// did: where it did not, people are to be shown something, or names.
    ///
    /// # Errors
    /// When the template does not fit the document, or standard output cannot be written.
    pub fn print<T: Serialize>(&self, document: &T) -> Result<bool, Failure> {
        let text = match self {
            Self::By(template) => {
                let filled = template.fill(&serde_json::to_value(document)?);
                filled.map_err(|error| format!("-o jsonpath: {error}"))?
            }
            Self::As(form) => match form.document() {
                None => return Ok(false),
                Some(form) => form.show(document, |_| String::new())?,
            },
        };
        write_out(&text).map(|()| true)
    }
}

impl Shown<Output> {
    /// Prints a document as `print` does, or the names of the FlashJobs in it.
    ///
    /// # Errors
    /// When the template does not fit the document, or standard output cannot be written.
    pub fn print_jobs<'a, T: Serialize>(
        &self,
        document: &T,
        names: impl IntoIterator<Item = &'a str>,
    ) -> Result<bool, Failure> {
        let names = names.into_iter().map(job_name);
        self.print_or(document, names)
    }

    /// Prints a document as `print` does, or these names.
    ///
    /// # Errors
    /// When the template does not fit the document, or standard output cannot be written.
    pub fn print_or<T: Serialize>(
        &self,
        document: &T,
        names: impl IntoIterator<Item = String>,
    ) -> Result<bool, Failure> {
        if self.is(&Output::Name) {
            return print_names(names).map(|()| true);
        }
        self.print(document)
    }
}

/// Name of a FlashJob, as kubectl prints and takes it.
pub fn job_name(name: &str) -> String {
    format!("flashjob.{}/{name}", names::GROUP)
}

/// Prints names, one a line.
///
/// # Errors
/// When standard output cannot be written.
pub fn print_names(names: impl IntoIterator<Item = String>) -> Result<(), Failure> {
    let lines = names.into_iter().map(|name| name + "\n");
    write_out(&lines.collect::<String>())
}

/// Reads `-o`.
#[derive(Clone, Debug)]
pub struct ShownParser<F>(PhantomData<F>);

impl<F: ValueEnum + Clone + Send + Sync + 'static> ValueParserFactory for Shown<F> {
    type Parser = ShownParser<F>;

    fn value_parser() -> Self::Parser {
        ShownParser(PhantomData)
    }
}

impl<F: ValueEnum + Clone + Send + Sync + 'static> TypedValueParser for ShownParser<F> {
    type Value = Shown<F>;

    fn parse_ref(
        &self,
        command: &Command,
        argument: Option<&Arg>,
        value: &OsStr,
    ) -> Result<Self::Value, clap::Error> {
        let refused = |words: String| {
            clap::Error::raw(ErrorKind::ValueValidation, words + "\n").with_cmd(command)
        };
        if let Some(template) = value.to_str().and_then(|text| text.strip_prefix(TEMPLATE)) {
            let template = Template::parse(template);
            return template
                .map(Shown::By)
                .map_err(|why| refused(format!("-o {TEMPLATE}: {why}")));
        }
        let name =
            PossibleValuesParser::new(possible::<F>()).parse_ref(command, argument, value)?;
        F::from_str(&name, false).map(Shown::As).map_err(refused)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(possible::<F>().into_iter()))
    }
}

fn possible<F: ValueEnum>() -> Vec<PossibleValue> {
    let forms = F::value_variants().iter().filter_map(F::to_possible_value);
    let words = "What the template after it says, in kubectl's dialect: '{.items[*].name}'";
    let template = PossibleValue::new(TEMPLATE).help(words);
    forms.chain([template]).collect()
}
