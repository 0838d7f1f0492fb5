//! The rules of a class, checked and made ready to be asked. Pure.
//!
//! What the schema cannot check is checked here: a class that fails is not accepted, and nothing of its jobs starts.

use std::{fmt::Display, sync::Arc};

use jiff::tz::TimeZone;
use kube::core::Selector;
use serde_json::{Value, json};

use super::limit::Limit;
use crate::provenance::signatures::Identity;
use crate::{
    api::{
        AskedSignatures, ClassDefaults, FlashClassSpec, InFlightLimit, NamespaceRule,
        NamespacesFrom, Window,
        rule::{self, TIME_OF_DAY},
    },
    device::Requirements,
    flash_pod::{
        device_values::DeviceValues,
        guard::{ImagePattern, Kind},
    },
};
use helm_chart::pointer::Pointer;

/// See the module's documentation. An empty list of patterns allows everything.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Images that flash pods may run.
    pub flash_images: Vec<ImagePattern>,
    /// Firmware that may be flashed.
    pub firmware: Vec<ImagePattern>,
    /// Chart values that jobs may set.
    pub value_paths: Vec<Pointer>,
    /// Further kinds that the chart may render.
    pub kinds: Vec<Kind>,
    /// Namespaces whose jobs may use the class.
    pub job_namespaces: NamespacePick,
    /// Namespaces whose devices may be flashed.
    pub device_namespaces: NamespacePick,
    /// What the properties of devices have to be.
    pub devices: Requirements,
    /// Most devices in flight that share something.
    pub in_flight_limits: Vec<Limit>,
    /// The chart values of its defaults.
    pub values: Option<Arc<DeviceValues>>,
}

/// Which namespaces are meant.
#[derive(Clone, Debug)]
pub enum NamespacePick {
    /// Every one.
    All,
    /// One that depends on who asks.
    Same,
    /// Those whose labels match.
    Matching(Selector),
}

/// Collects what is wrong, each with its field.
#[derive(Default)]
struct Problems(Vec<String>);

impl Problems {
    fn say(&mut self, field: impl Display, problem: impl Display) {
        self.0.push(format!("spec.{field}: {problem}"));
    }

    fn take<T, E: Display>(&mut self, field: impl Display, result: Result<T, E>) -> Option<T> {
        result.map_err(|error| self.say(field, error)).ok()
    }

    fn each<T, E: Display>(
        &mut self,
        field: &str,
        texts: &[String],
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Vec<T> {
        let texts = texts.iter().enumerate();
        texts
            .filter_map(|(index, text)| self.take(format!("{field}[{index}]"), parse(text)))
            .collect()
    }
}

impl Rules {
    /// Checks the spec of the class of this name.
    ///
    /// # Errors
    /// Everything that is wrong with it, each with its field.
    pub fn compile(class: &str, spec: &FlashClassSpec) -> Result<Self, String> {
        let mut problems = Problems::default();
        let none = ClassDefaults::default();
        let defaults = spec.defaults.as_ref().unwrap_or(&none);
        let workload = spec.workload.clone().unwrap_or_default();
        let filter = spec.device_filter.clone().unwrap_or_default();
        let devices = Requirements::parse(&filter.match_properties, &filter.match_expressions);
        let rules = Self {
            flash_images: problems.each("allowedFlashImages", &spec.allowed_flash_images, pattern),
            firmware: problems.each("allowedFirmware", &spec.allowed_firmware, pattern),
            value_paths: problems.each("allowedValuePaths", &spec.allowed_value_paths, |path| {
                path.parse::<Pointer>()
            }),
            kinds: problems.each("workload.kinds", &workload.kinds, kind),
            job_namespaces: namespaces(
                "allowedJobNamespaces",
                spec.allowed_job_namespaces.as_ref(),
                &mut problems,
            ),
            device_namespaces: namespaces(
                "deviceNamespaces",
                spec.device_namespaces.as_ref(),
                &mut problems,
            ),
            devices: problems.take("deviceFilter", devices).unwrap_or_default(),
            in_flight_limits: limits(class, &spec.in_flight_limits, &mut problems),
            values: problems
                .take("defaults.values", layer(class, defaults))
                .flatten()
                .map(|(values, _)| Arc::new(values)),
        };
        for (index, volume) in workload.volume_types.iter().enumerate() {
            if volume == "hostPath" {
                problems.say(format!("workload.volumeTypes[{index}]"), rule::HOST_PATH);
            }
        }
        for (index, window) in spec.windows.iter().enumerate() {
            check_window(index, window, &mut problems);
        }
        if let Some(asked) = &spec.firmware_verification {
            check_signers("firmwareVerification", asked.signatures(), &mut problems);
        }
        if let Some(asked) = &spec.flash_image_verification {
            let field = "flashImageVerification";
            check_signers(field, asked.signatures(), &mut problems);
            if defaults.flash_image.is_none() {
                problems.say(field, rule::FLASH_IMAGE_NEEDED);
            }
        }
        let image = defaults.flash_image.as_ref();
        if let Some(image) = image.filter(|image| !allows(&rules.flash_images, image)) {
            let problem = format!("{image} is not among the class's own allowedFlashImages");
            problems.say("defaults.flashImage", problem);
        }
        if problems.0.is_empty() {
            Ok(rules)
        } else {
            Err(problems.0.join("; "))
        }
    }
}

/// Whether a list of patterns allows a reference; an empty list allows everything.
pub(super) fn allows(patterns: &[ImagePattern], reference: &str) -> bool {
    patterns.is_empty() || patterns.iter().any(|pattern| pattern.matches(reference))
}

/// The chart values of a class's defaults, ready to be rendered; its flash image is one of them.
///
/// # Errors
/// What is wrong with a template, with its key.
pub(super) fn layer(
    class: &str,
    defaults: &ClassDefaults,
) -> Result<Option<(DeviceValues, Value)>, String> {
    if defaults.values.is_none() && defaults.flash_image.is_none() {
        return Ok(None);
    }
    let given = defaults.values.clone().unwrap_or_default();
    let mut values = Value::Object(given.tree().map_err(|fault| fault.to_string())?);
    if let Some(image) = &defaults.flash_image {
        if !values["image"].is_object() {
            values["image"] = json!({});
        }
        values["image"]["reference"] = json!(image);
    }
    let source = format!("FlashClass {class} defaults.values");
    DeviceValues::from_document(values.clone(), &source)
        .map(|compiled| Some((compiled, values)))
        .map_err(|error| error.to_string())
}

fn pattern(text: &str) -> Result<ImagePattern, impl Display + use<>> {
    text.parse::<ImagePattern>()
}

fn kind(name: &str) -> Result<Kind, String> {
    let (api_version, kind) = name
        .rsplit_once('/')
        .filter(|(api_version, kind)| !api_version.is_empty() && !kind.is_empty())
        .ok_or_else(|| format!("{name:?} {}", rule::NOT_A_KIND))?;
    Ok(Kind {
        api_version: api_version.to_owned(),
        kind: kind.to_owned(),
    })
}

fn namespaces(field: &str, of: Option<&NamespaceRule>, problems: &mut Problems) -> NamespacePick {
    let Some(of) = of else {
        return NamespacePick::All;
    };
    match (of.from, &of.selector) {
        (NamespacesFrom::All, None) => NamespacePick::All,
        (NamespacesFrom::Same, None) => NamespacePick::Same,
        (NamespacesFrom::Selector, Some(selector)) => {
            let parsed = Selector::try_from(selector.clone());
            let parsed = problems.take(format!("{field}.selector"), parsed);
            parsed.map_or(NamespacePick::Same, NamespacePick::Matching)
        }
        (NamespacesFrom::Selector, None) => {
            problems.say(format!("{field}.selector"), rule::SELECTOR_NEEDED);
            NamespacePick::Same
        }
        (NamespacesFrom::All | NamespacesFrom::Same, Some(_)) => {
            problems.say(format!("{field}.selector"), rule::SELECTOR_NEEDLESS);
            NamespacePick::Same
        }
    }
}

fn limits(class: &str, specs: &[InFlightLimit], problems: &mut Problems) -> Vec<Limit> {
    let specs = specs.iter().enumerate();
    specs
        .filter_map(|(index, spec)| {
            problems.take(
                format!("inFlightLimits[{index}]"),
                Limit::parse(class, spec),
            )
        })
        .collect()
}

/// What the schema says of authorities, again for objects of an older schema, and expressions, which it cannot check.
fn check_signers(field: &str, asked: AskedSignatures<'_>, problems: &mut Problems) {
    if asked.are_checked() && asked.authorities.is_empty() {
        problems.say(format!("{field}.authorities"), rule::AUTHORITY_NEEDED);
    }
    for (index, authority) in asked.authorities.iter().enumerate() {
        let field = format!("{field}.authorities[{index}]");
        if authority.key.is_some() == authority.keyless.is_some() {
            problems.say(&field, rule::ONE_MEANS);
        }
        let keyless = authority.keyless.iter();
        let identities = keyless.flat_map(|keyless| &keyless.identities);
        for (index, identity) in identities.enumerate() {
            let field = format!("{field}.keyless.identities[{index}]");
            problems.take(field, Identity::of(identity));
        }
    }
}

fn check_window(index: usize, window: &Window, problems: &mut Problems) {
    if !TIME_OF_DAY.accepts(&window.start) {
        let problem = format!("{:?} {}", window.start, TIME_OF_DAY.message);
        problems.say(format!("windows[{index}].start"), problem);
    }
    if let Some(zone) = &window.time_zone {
        problems.take(format!("windows[{index}].timeZone"), TimeZone::get(zone));
    }
}
