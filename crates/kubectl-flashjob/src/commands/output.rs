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

impl Output {
    /// Prints a document, or the names of what is in it. Returns whether it did: where it did not, people are to be shown something.
    ///
    /// # Errors
    /// When standard output cannot be written.
    pub fn print<'a, T: Serialize>(
        self,
        document: &T,
        names: impl IntoIterator<Item = &'a str>,
    ) -> Result<bool, Failure> {
        let text = match self {
            Self::Text | Self::Wide => return Ok(false),
            Self::Json => terminal::Output::Json.show(document, |_| String::new())?,
            Self::Yaml => terminal::Output::Yaml.show(document, |_| String::new())?,
            Self::Name => names
                .into_iter()
                .flat_map(|name| ["flashjob.", names::GROUP, "/", name, "\n"])
                .collect(),
        };
        write_out(&text).map(|()| true)
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

impl Shown<Output> {
    /// Prints a document, the names of what is in it, or what a template makes of it. Returns whether it did: where it did not, people
    /// are to be shown something.
    ///
    /// # Errors
    /// When the template does not fit the document, or standard output cannot be written.
    pub fn print<'a, T: Serialize>(
        &self,
        document: &T,
        names: impl IntoIterator<Item = &'a str>,
    ) -> Result<bool, Failure> {
        match self {
            Self::As(output) => output.print(document, names),
            Self::By(template) => filled(template, document).map(|()| true),
        }
    }
}

/// Prints what a template makes of a document; like kubectl, without a line feed of its own.
///
/// # Errors
/// When the template does not fit the document, or standard output cannot be written.
pub fn filled<T: Serialize>(template: &Template, document: &T) -> Result<(), Failure> {
    let text = template.fill(&serde_json::to_value(document)?);
    write_out(&text.map_err(|error| format!("-o jsonpath: {error}"))?)
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
