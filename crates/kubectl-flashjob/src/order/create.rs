//! A job as it is asked for on the command line. Pure.

use std::time::Duration;

use flashjob_operator::{
    api::{Amount, FlashJob, FlashJobSpec, MismatchPolicy, RolloutStep},
    flashjob::forecast::bounds::{Stage, most_failures},
};

use crate::view::device::DeviceRow;

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Name of the job.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// Firmware image.
    pub firmware: String,
    /// Version of it.
    pub version: String,
    /// Type that every device has to have.
    pub device: Option<String>,
    /// Application that every device has to run.
    pub app: Option<String>,
    /// Devices in the order of flashing.
    pub uuids: Vec<String>,
    /// Devices that are flashed at the same time; the next batch begins when all of them have succeeded.
    pub batch: usize,
    /// Wait between two batches.
    pub delay: Duration,
}

/// The devices that can be flashed, of those that were found.
///
/// # Errors
/// Why not all that were named, or none.
pub fn chosen(found: &[DeviceRow], named: &[String]) -> Result<Vec<String>, String> {
    let missing: Vec<&str> = named
        .iter()
        .filter(|uuid| !found.iter().any(|device| device.uuid == **uuid))
        .map(String::as_str)
        .collect();
    if !missing.is_empty() {
        return Err(format!(
            "no Instance that you see has the UUID {}; list those that there are: kubectl flashjob devices -A -o wide",
            missing.join(", ")
        ));
    }
    // Of those that were named every one counts; of the others, those that can be flashed.
    let problem = found.iter().find_map(|device| device.problem.as_deref());
    if let Some(problem) = problem.filter(|_| !named.is_empty()) {
        return Err(format!(
            "{problem}; see: kubectl flashjob devices -A -o wide"
        ));
    }
    let usable = found.iter().filter(|device| device.problem.is_none());
    let uuids: Vec<String> = usable.map(|device| device.uuid.clone()).collect();
    if uuids.is_empty() {
        return Err(
            "there is no such device; list those that there are: kubectl flashjob devices -A"
                .into(),
        );
    }
    Ok(uuids)
}

/// The job.
pub fn job(wanted: &Wanted) -> FlashJob {
    let spec = FlashJobSpec {
        uuid: wanted.uuids.clone(),
        firmware: wanted.firmware.clone(),
        version: wanted.version.clone(),
        device: wanted.device.clone(),
        application_type: wanted.app.clone(),
        mismatch_policy: Some(MismatchPolicy::Fail),
        parallelism: i32::try_from(wanted.batch).ok(),
        steps: batches(wanted.uuids.len(), wanted.batch, wanted.delay),
        ..FlashJobSpec::default()
    };
    let mut job = FlashJob::new(&wanted.name, spec);
    job.metadata.namespace = Some(wanted.namespace.clone());
    job
}

/// One step that repeats; none where one batch is all.
fn batches(devices: usize, batch: usize, delay: Duration) -> Vec<RolloutStep> {
    let batch = batch.max(1);
    let seconds = i64::try_from(delay.as_secs()).ok();
    let step = RolloutStep {
        name: Some("batch".to_owned()),
        devices: Amount::Count(i64::try_from(batch).unwrap_or(i64::MAX)),
        repeat: Some(true),
        soak_seconds: seconds.filter(|seconds| *seconds > 0),
        require_approval: None,
        max_failed_devices: None,
    };
    (devices > batch).then_some(step).into_iter().collect()
}

/// What is going to happen, in a sentence.
pub fn words(wanted: &Wanted) -> String {
    let devices = wanted.uuids.len();
    let batches = devices.div_ceil(wanted.batch.max(1));
    let Wanted {
        firmware,
        version,
        batch,
        ..
    } = wanted;
    let many = if devices == 1 {
        "1 device"
    } else {
        &format!("{devices} devices")
    };
    let what = format!("flashes {many} with {firmware}, version {version}");
    if batches <= 1 {
        return what;
    }
    let seconds = wanted.delay.as_secs();
    format!(
        "{what}, in {batches} batches of {batch} with {seconds} s between them; a device that fails stops the batches after it"
    )
}

/// How many devices a bad firmware can cost at most, in a sentence.
pub fn loss(wanted: &Wanted) -> String {
    let devices = wanted.uuids.len();
    let batch = wanted.batch.max(1);
    let last = devices.div_ceil(batch).saturating_sub(1);
    let stage = |number: usize| Stage {
        devices: batch.min(devices - number * batch),
        // A step that says nothing allows no failure.
        limit: Some(0),
        soak_seconds: 0,
    };
    let stages: Vec<Stage> = (0..=last).map(stage).collect();
    match most_failures(&stages, None, batch) {
        1 => "Should the firmware be bad, it costs at most 1 device.".to_owned(),
        most => format!("Should the firmware be bad, it costs at most {most} devices."),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn wanted(devices: usize, batch: usize) -> Wanted {
        Wanted {
            name: "thermo".into(),
            namespace: "demo".into(),
            firmware: "registry.example.com/esp32:1.2.0".into(),
            version: "1.2.0".into(),
            device: Some("esp32s3".into()),
            app: None,
            uuids: (0..devices).map(|number| format!("u-{number}")).collect(),
            batch,
            delay: Duration::from_mins(1),
        }
    }

    #[test]
    fn batches_are_a_step_that_repeats() {
        let job = serde_json::to_value(job(&wanted(12, 5))).unwrap();
        let spec = &job["spec"];
        assert_eq!(
            spec["steps"],
            json!([{"name": "batch", "devices": 5, "repeat": true, "soakSeconds": 60}])
        );
        assert_eq!(
            (&spec["parallelism"], &spec["mismatchPolicy"]),
            (&json!(5), &json!("Fail"))
        );
        assert_eq!(spec["uuid"].as_array().unwrap().len(), 12);
        assert_eq!(
            job["metadata"],
            json!({"name": "thermo", "namespace": "demo"})
        );
    }

    #[rstest]
    #[case::one_batch(5, 5, 0)]
    #[case::one_device_more(6, 5, 1)]
    #[case::as_many_as_a_job_may_name(5_000, 1, 1)]
    fn a_job_has_as_many_batches_as_it_takes(
        #[case] devices: usize,
        #[case] batch: usize,
        #[case] steps: usize,
    ) {
        assert_eq!(job(&wanted(devices, batch)).spec.steps.len(), steps);
    }

    #[rstest]
    #[case::one(1, 5, "1 device.")]
    #[case::one_batch(5, 5, "5 devices.")]
    #[case::many(120, 5, "5 devices.")]
    #[case::one_after_the_other(7, 1, "1 device.")]
    fn the_loss_is_that_of_a_batch(
        #[case] devices: usize,
        #[case] batch: usize,
        #[case] most: &str,
    ) {
        let words = loss(&wanted(devices, batch));
        assert_eq!(
            words,
            format!("Should the firmware be bad, it costs at most {most}")
        );
    }

    #[rstest]
    #[case(
        1,
        "flashes 1 device with registry.example.com/esp32:1.2.0, version 1.2.0"
    )]
    #[case(
        12,
        "flashes 12 devices with registry.example.com/esp32:1.2.0, version 1.2.0, in 3 batches of 5 with 60 s between them; \
                a device that fails stops the batches after it"
    )]
    fn what_happens_is_said_in_a_sentence(#[case] devices: usize, #[case] sentence: &str) {
        assert_eq!(words(&wanted(devices, 5)), sentence);
    }
}
