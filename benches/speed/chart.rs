//! The built-in flash chart under the default settings.

use flashjob_operator::{
    flashjob::blueprint::{FlashPod, Settings},
    operator::flash_chart,
    settings::{FlashPodSettings, policy},
};

/// The chart, compiled.
pub fn flash_pod() -> FlashPod {
    #[derive(clap::Parser)]
    struct Defaults {
        #[command(flatten)]
        settings: FlashPodSettings,
    }
    let defaults = <Defaults as clap::Parser>::parse_from(["bench"]);
    let chart = flash_chart(None).unwrap();
    let settings = Settings {
        policy: policy(&defaults.settings, [&*chart.values]).unwrap(),
        ..Settings::default()
    };
    FlashPod::load(chart, &settings, 1).unwrap()
}
