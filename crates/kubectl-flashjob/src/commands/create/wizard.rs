//! The questions of `create`, in the order of the original script, for what the command line leaves open. Asks on the terminal.

use std::{fmt, time::Duration};

use flashjob_operator::cli::terminal::Failure;
use inquire::{
    InquireError, MultiSelect, Select, Text,
    list_option::ListOption,
    validator::{ErrorMessage, Validation},
};

use super::{BATCH, Create, DELAY};
use crate::{
    cluster::{Cluster, Fleet},
    commands::filters::property,
    order::{
        choice::{self, Choice},
        create::chosen,
    },
    show::{ColorChoice, Screen, duration},
    view::device::{DeviceRow, rows},
};

/// Columns before a row of a list: the pointer, and the box that is ticked.
const BOX: usize = 6;

/// Rows of a list that are shown at a time.
const PAGE: usize = 12;

/// The same command with what was answered. None where the person broke off.
///
/// # Errors
/// When devices cannot be read, there are none, or the terminal is gone.
pub async fn ask(create: &Create, cluster: &Cluster) -> Result<Option<Create>, Failure> {
    let mut create = create.clone();
    let scope = cluster.scope(create.meant.all_namespaces);
    let fleet = cluster.fleet(&scope).await?;
    let asked = tokio::task::block_in_place(|| {
        devices(&mut create, &fleet)?;
        firmware(&mut create)
    });
    match asked {
        Ok(()) => Ok(Some(create)),
        Err(error) => match error.downcast_ref() {
            Some(InquireError::OperationCanceled | InquireError::OperationInterrupted) => Ok(None),
            _ => Err(error),
        },
    }
}

/// Device type, application type, filter, and the devices.
fn devices(create: &mut Create, fleet: &Fleet) -> Result<(), Failure> {
    let meant = &mut create.meant;
    if meant.all || !meant.uuid.is_empty() {
        return Ok(());
    }
    let filters = &mut meant.filters;
    let found = |filters: &super::Filters| -> Result<Vec<DeviceRow>, Failure> {
        let known = (fleet.instances.as_slice(), &fleet.inventory);
        let found = rows(known, &fleet.jobs, filters.selector(None)?.as_ref(), &[]);
        chosen(&found, &[])?;
        Ok(found)
    };
    if filters.device.is_none() {
        let types = choice::kinds(&found(filters)?, |row| row.device.as_deref());
        filters.device = kind("Device type:", types)?;
    }
    if filters.app.is_none() {
        let types = choice::kinds(&found(filters)?, |row| row.application.as_deref());
        filters.app = kind("Application type:", types)?;
    }
    if filters.property.is_empty() {
        let answer = Text::new("Filter:")
            .with_help_message("a property as KEY=VALUE, or nothing")
            .with_validator(|text: &str| Ok(checked(text.is_empty(), property(text))))
            .prompt()?;
        filters.property.extend(property(&answer).ok());
    }
    let columns = Screen::of(ColorChoice::Never).columns;
    let choices = choice::devices(&found(filters)?, columns.saturating_sub(BOX));
    let picked = MultiSelect::new("Devices:", choices)
        .with_page_size(PAGE)
        .with_scorer(&|typed, choice, _, place| {
            MultiSelect::DEFAULT_SCORER(typed, choice, &choice.searched, place)
        })
        .with_help_message("type to search, space picks one, → all, ← none, Enter goes on")
        .with_formatter(&|picked| format!("{} picked", picked.len()))
        .with_validator(|picked: &[ListOption<&Choice>]| {
            Ok(checked(!picked.is_empty(), Err::<(), _>("pick a device")))
        })
        .prompt()?;
    meant.uuid = picked.into_iter().map(|choice| choice.value).collect();
    Ok(())
}

/// One of these types, or any.
fn kind(question: &str, types: Vec<Choice>) -> Result<Option<String>, Failure> {
    let mut choices = vec![Choice::any()];
    choices.extend(types);
    let picked = Select::new(question, choices)
        .with_page_size(PAGE)
        .prompt()?;
    Ok(Some(picked.value).filter(|value| !value.is_empty()))
}

/// Firmware, version, batch, delay, and the name.
fn firmware(create: &mut Create) -> Result<(), Failure> {
    let firmware = text(&mut create.firmware, "Firmware image:", None)?;
    let version = choice::version_of(&firmware);
    let version = text(&mut create.version, "Version:", version.as_deref())?;
    if create.batch.is_none() {
        let batch = asked(
            "Batch, devices at the same time:",
            &BATCH.to_string(),
            |text| {
                let most = text.parse::<u16>().ok();
                most.filter(|batch| (1..=10_000).contains(batch))
                    .ok_or("expected a number from 1 to 10000")
            },
        )?;
        create.batch = Some(batch);
    }
    if create.delay.is_none() {
        let seconds = format!("{}s", DELAY.as_secs());
        let delay: Duration = asked("Delay between two batches:", &seconds, duration::parse)?;
        create.delay = Some(delay);
    }
    let filters = &create.meant.filters;
    let of = filters.app.as_deref().or(filters.device.as_deref());
    let name = choice::name(of.unwrap_or("flash"), &version);
    text(&mut create.name, "Name of the FlashJob:", Some(&name))?;
    Ok(())
}

/// A text that is not empty; asked for where it is not there.
fn text(
    value: &mut Option<String>,
    question: &str,
    proposed: Option<&str>,
) -> Result<String, Failure> {
    if let Some(given) = value.as_ref().filter(|value| !value.is_empty()) {
        return Ok(given.clone());
    }
    let mut prompt = Text::new(question)
        .with_validator(|text: &str| Ok(checked(!text.trim().is_empty(), Err::<(), _>("say one"))));
    if let Some(proposed) = proposed {
        prompt = prompt.with_default(proposed);
    }
    let answer = prompt.prompt()?.trim().to_owned();
    *value = Some(answer.clone());
    Ok(answer)
}

/// A value that a text is read as.
fn asked<T, E: fmt::Display>(
    question: &str,
    default: &str,
    read: impl Fn(&str) -> Result<T, E> + Copy + 'static,
) -> Result<T, Failure> {
    let answer = Text::new(question)
        .with_default(default)
        .with_validator(move |text: &str| Ok(checked(false, read(text))))
        .prompt()?;
    read(&answer).map_err(|error| error.to_string().into())
}

fn checked<T, E: fmt::Display>(fits: bool, read: Result<T, E>) -> Validation {
    match read {
        Err(error) if !fits => Validation::Invalid(ErrorMessage::Custom(error.to_string())),
        _ => Validation::Valid,
    }
}
