//! How the operator of a cluster runs: as its Deployment and its `ConfigMap` say, but for what a person gives instead. Reads only.

use flashjob_operator::{
    cli::operator::{self, Operator},
    cluster::Scope,
    flashjob::forecast::Part,
    settings::{EngineChoice, FlashPodSettings},
};

use super::Plan;
use crate::{cluster::Seeing, commands::render::device::Values};

/// How the operator runs, as far as it is known.
#[derive(Debug)]
pub(super) struct Told {
    pub settings: FlashPodSettings,
    pub values: Values,
    pub max_in_flight: u32,
    pub cool_down_seconds: u64,
    pub address_seconds: u64,
    pub engine: EngineChoice,
    pub watched: Scope,
    pub instances: Scope,
}

impl Plan {
    /// How the operator runs: as its Deployment says, but for what was given here.
    pub(super) async fn told(&self, seeing: &mut Seeing<'_>, given: Values) -> Told {
        let found = operator::find(seeing.reader, &self.operator_namespace).await;
        let mut told = match found {
            Ok(operator) => Told::of(operator),
            Err(why) => {
                if given.is_none() && !self.says_settings() {
                    let words = format!(
                        "{why}. What the operator's settings and the administrator's chart values open, refuse and set is not known; \
                         --values and the other options can say it"
                    );
                    seeing.miss(Part::Settings, words);
                }
                Told::unknown()
            }
        };
        overrule(&mut told.settings, &self.settings);
        told.values = given.or(told.values);
        told.max_in_flight = self.max_in_flight.unwrap_or(told.max_in_flight);
        told.cool_down_seconds = self
            .cool_down_seconds
            .map_or(told.cool_down_seconds, u64::from);
        told
    }

    /// Whether settings of the operator were given here.
    fn says_settings(&self) -> bool {
        self.settings != unset() || self.max_in_flight.is_some() || self.cool_down_seconds.is_some()
    }
}

impl Told {
    fn of(Operator { settings, values }: Operator) -> Self {
        Self {
            max_in_flight: settings.max_in_flight,
            cool_down_seconds: settings.cool_down_seconds,
            address_seconds: settings.address_timeout_seconds,
            engine: settings.engine,
            watched: settings.scope(),
            instances: settings.instance_scope(),
            settings: settings.flash_pod,
            values,
        }
    }

    /// As an operator runs of which nothing is known.
    fn unknown() -> Self {
        Self {
            settings: unset(),
            values: None,
            max_in_flight: 100,
            cool_down_seconds: 90,
            address_seconds: 120,
            engine: EngineChoice::Auto,
            watched: Scope::All,
            instances: Scope::All,
        }
    }
}

/// Settings of which none was given.
pub(super) fn unset() -> FlashPodSettings {
    FlashPodSettings {
        flash_pod_chart: None,
        chart_allow: Vec::new(),
        allowed_value_paths: Vec::new(),
        allowed_flash_images: vec!["*".into()],
        allowed_service_accounts: Vec::new(),
        allowed_secret_names: Vec::new(),
        allowed_extra_kinds: Vec::new(),
    }
}

/// Puts what was given in the place of what the operator has.
fn overrule(settings: &mut FlashPodSettings, given: &FlashPodSettings) {
    let FlashPodSettings {
        flash_pod_chart,
        chart_allow,
        allowed_value_paths,
        allowed_flash_images,
        allowed_service_accounts,
        allowed_secret_names,
        allowed_extra_kinds,
    } = given;
    if flash_pod_chart.is_some() {
        settings.flash_pod_chart.clone_from(flash_pod_chart);
    }
    if !chart_allow.is_empty() {
        settings.chart_allow.clone_from(chart_allow);
    }
    if *allowed_flash_images != unset().allowed_flash_images {
        settings
            .allowed_flash_images
            .clone_from(allowed_flash_images);
    }
    for (ours, given) in [
        (&mut settings.allowed_value_paths, allowed_value_paths),
        (
            &mut settings.allowed_service_accounts,
            allowed_service_accounts,
        ),
        (&mut settings.allowed_secret_names, allowed_secret_names),
        (&mut settings.allowed_extra_kinds, allowed_extra_kinds),
    ] {
        if !given.is_empty() {
            ours.clone_from(given);
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        plan: Plan,
    }

    fn plan(arguments: &[&str]) -> Plan {
        Line::parse_from([&["plan", "-f", "job.yaml"], arguments].concat()).plan
    }

    #[test]
    fn only_what_is_given_takes_the_place_of_what_the_operator_has() {
        assert_eq!(plan(&[]).settings, unset());
        assert!(!plan(&[]).says_settings());
        let mut settings = FlashPodSettings {
            allowed_value_paths: vec!["/a".into()],
            allowed_secret_names: vec!["pull".into()],
            allowed_flash_images: vec!["registry.example.com/*".into()],
            ..unset()
        };
        let given = plan(&["--allowed-value-paths", "/b"]);
        assert!(given.says_settings());
        overrule(&mut settings, &given.settings);
        assert_eq!(settings.allowed_value_paths, ["/b"]);
        assert_eq!(settings.allowed_secret_names, ["pull"]);
        assert_eq!(settings.allowed_flash_images, ["registry.example.com/*"]);
    }
}
