//! How the operator of a cluster runs: as its Deployment and its `ConfigMap` say, but for what a person gives instead. Reads only.

use super::{Values, seen::Seeing};
use crate::{
    cli::operator::{self, Operator},
    cluster::Scope,
    flashjob::forecast::Part,
    settings::{EngineChoice, FlashPodSettings},
};

/// What a person gives in the place of what the operator has.
#[derive(Clone, Debug)]
pub struct Given {
    /// Settings of the flash chart; those of [`unset`] stay as the operator has them.
    pub settings: FlashPodSettings,
    /// Chart values of the administrator.
    pub values: Values,
    /// Devices in flight at the same time, over all FlashJobs.
    pub max_in_flight: Option<u32>,
    /// Seconds that an address is kept after a transfer that was cut off.
    pub cool_down_seconds: Option<u32>,
}

impl Default for Given {
    fn default() -> Self {
        Self {
            settings: unset(),
            values: None,
            max_in_flight: None,
            cool_down_seconds: None,
        }
    }
}

impl Given {
    /// Whether it says anything.
    fn says_something(&self) -> bool {
        self.values.is_some()
            || self.settings != unset()
            || self.max_in_flight.is_some()
            || self.cool_down_seconds.is_some()
    }
}

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

impl Told {
    /// How the operator of that namespace runs: as its Deployment says, but for what was given.
    pub(super) async fn find(
        seeing: &mut Seeing<'_>,
        operator_namespace: &str,
        given: Option<&Given>,
    ) -> Self {
        let mut told = match operator::find(seeing.reader, operator_namespace).await {
            Ok(operator) => Self::of(operator),
            Err(why) => {
                if !given.is_some_and(Given::says_something) {
                    let help = match given {
                        Some(_) => "; --values and the other options can say it",
                        None => "",
                    };
                    let words = format!(
                        "{why}. What the operator's settings and the administrator's chart values open, refuse and set is not known{help}"
                    );
                    seeing.miss(Part::Settings, words);
                }
                Self::unknown()
            }
        };
        if let Some(given) = given {
            told.overrule(given);
        }
        told
    }

    fn overrule(&mut self, given: &Given) {
        overrule(&mut self.settings, &given.settings);
        if given.values.is_some() {
            self.values.clone_from(&given.values);
        }
        self.max_in_flight = given.max_in_flight.unwrap_or(self.max_in_flight);
        let cool_down = given.cool_down_seconds.map(u64::from);
        self.cool_down_seconds = cool_down.unwrap_or(self.cool_down_seconds);
    }

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
#[must_use]
pub fn unset() -> FlashPodSettings {
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
    use super::*;

    #[test]
    fn only_what_is_given_takes_the_place_of_what_the_operator_has() {
        assert!(!Given::default().says_something());
        let mut told = Told {
            settings: FlashPodSettings {
                allowed_value_paths: vec!["/a".into()],
                allowed_secret_names: vec!["pull".into()],
                allowed_flash_images: vec!["registry.example.com/*".into()],
                ..unset()
            },
            ..Told::unknown()
        };
        let given = Given {
            settings: FlashPodSettings {
                allowed_value_paths: vec!["/b".into()],
                ..unset()
            },
            max_in_flight: Some(7),
            ..Given::default()
        };
        assert!(given.says_something());
        told.overrule(&given);
        let settings = &told.settings;
        assert_eq!(settings.allowed_value_paths, ["/b"]);
        assert_eq!(settings.allowed_secret_names, ["pull"]);
        assert_eq!(settings.allowed_flash_images, ["registry.example.com/*"]);
        assert_eq!((told.max_in_flight, told.cool_down_seconds), (7, 90));
    }
}
