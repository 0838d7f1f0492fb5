//! `make bench-micro`: what the pure parts cost on their own, without a cluster.

#![allow(clippy::unwrap_used, reason = "a measurement that cannot go on panics")]
#![allow(
    missing_docs,
    reason = "criterion_group! makes an undocumented function"
)]

#[path = "speed/chart.rs"]
mod chart;
#[path = "micro/scene.rs"]
mod scene;

use std::{collections::BTreeMap, hint::black_box};

use criterion::{Criterion, criterion_group, criterion_main};
use flashjob_operator::{
    flash_pod::intent::{Intent, Record, Stored},
    flashjob::{
        plan::plan,
        status::compose,
        verdict::{Ended, Markers, judge},
    },
    provenance::receipts::{
        FlashPredicate, FlashResult, FlashStatement, FlashedDevice, FlashedFirmware, JobReference,
        Signer, tree,
    },
    seal::{SealKey, Seals, Subject},
};
use helm_release::{ApplyMethod, Info, Stamp, Status, decode, encode, secret};
use jiff::Timestamp;
use scene::{Scene, now};

/// Devices of the job that is planned for.
const DEVICES: usize = 10_000;
/// Devices that are in flight meanwhile.
const IN_FLIGHT: usize = 100;

fn planning(criterion: &mut Criterion) {
    for (name, done, faults) in [
        ("begins", 0, 0),
        ("is half done", DEVICES / 2, 0),
        ("is half done, every fifth failed", DEVICES / 2, 5),
    ] {
        let scene = Scene::new(DEVICES, done, IN_FLIGHT, faults);
        criterion.bench_function(
            &format!("plan, {DEVICES} devices, the job {name}"),
            |bencher| {
                bencher.iter(|| plan(black_box(&scene.observed()), now()));
            },
        );
        let plan = plan(&scene.observed(), now());
        criterion.bench_function(
            &format!("status, {DEVICES} devices, the job {name}"),
            |bencher| {
                bencher.iter(|| compose(black_box(&scene.observed()), &plan, now()));
            },
        );
    }
}

fn signing(criterion: &mut Criterion) {
    let random = aws_lc_rs::rand::SystemRandom::new();
    let der = aws_lc_rs::signature::Ed25519KeyPair::generate_pkcs8(&random).unwrap();
    let pem = format!(
        "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
        base64::Engine::encode(&base64::engine::general_purpose::STANDARD, der.as_ref())
    );
    let signer = Signer::from_pem(pem.as_bytes()).unwrap();
    let statement = |index| {
        FlashStatement::of(
            "sha256:0e4f1ba5bb4d7c80bd3b6ae1c5a3f4e6e0b1cb1ab0bb09ddb5e5b7e7ae1ff42c",
            FlashPredicate {
                job: JobReference::default(),
                round: 1,
                index,
                device: FlashedDevice {
                    uuid: format!("5f0c9a6e-0000-4000-8000-{index:012}"),
                    ..FlashedDevice::default()
                },
                firmware: FlashedFirmware::default(),
                result: FlashResult::Succeeded,
                details: None,
            },
        )
    };
    criterion.bench_function("a receipt is signed", |bencher| {
        let one = statement(7);
        bencher.iter(|| signer.sign(black_box(&one)).unwrap());
    });
    let all: Vec<_> = (0..DEVICES).map(statement).collect();
    criterion.bench_function(&format!("the root over {DEVICES} receipts"), |bencher| {
        bencher.iter(|| tree::root(black_box(&all).iter().map(FlashStatement::leaf)));
    });
}

fn rendering(criterion: &mut Criterion) {
    let flash_pod = chart::flash_pod();
    let scene = Scene::new(1, 0, 0, 0);
    let attempt = scene.attempt();
    let round = scene.job.status.round.as_ref().unwrap();
    criterion.bench_function("values of a flash Pod", |bencher| {
        bencher.iter(|| {
            flash_pod
                .blueprint(&scene.job, round, black_box(&attempt))
                .unwrap()
        });
    });
    let blueprint = flash_pod.blueprint(&scene.job, round, &attempt).unwrap();
    criterion.bench_function("render a flash Pod", |bencher| {
        bencher.iter(|| {
            let (intent, values) = (&blueprint.intent, &blueprint.merged.overrides);
            let address = Some("192.0.2.1");
            flash_pod
                .objects(black_box(intent), &blueprint.release, 1, values, address)
                .unwrap()
        });
    });
}

fn records(criterion: &mut Criterion) {
    let flash_pod = chart::flash_pod();
    let scene = Scene::new(1, 0, 0, 0);
    let round = scene.job.status.round.as_ref().unwrap();
    let blueprint = flash_pod
        .blueprint(&scene.job, round, &scene.attempt())
        .unwrap();
    let rendered = flash_pod
        .objects(
            &blueprint.intent,
            &blueprint.release,
            1,
            &blueprint.merged.overrides,
            Some("192.0.2.1"),
        )
        .unwrap();
    let record = Record {
        name: blueprint.release.clone(),
        namespace: "lab".into(),
        version: 1,
        apply_method: ApplyMethod::ServerSide,
        config: blueprint.merged.overrides.clone(),
        manifest: rendered.manifest,
        info: Info {
            first_deployed: Some(now()),
            last_deployed: Some(now()),
            deleted: None,
            status: Status::Deployed,
            description: "flashing".into(),
            notes: String::new(),
        },
        chart: flash_pod.chart_for(&round.version),
        hooks: Vec::new(),
        attachment: Some(blueprint.intent),
    };
    let bytes = encode(&record);
    criterion.bench_function("encode a release record", |bencher| {
        bencher.iter(|| encode(black_box(&record)));
    });
    criterion.bench_function("decode a release record", |bencher| {
        bencher.iter(|| decode::<Intent>(black_box(&bytes)).unwrap());
    });
    let labels = BTreeMap::new();
    let mut secret = secret(&record, &labels, Stamp::Created(Timestamp::UNIX_EPOCH)).unwrap();
    secret.metadata.uid = Some("u".into());
    secret.metadata.resource_version = Some("7".into());
    criterion.bench_function("read a release Secret", |bencher| {
        bencher.iter(|| Stored::from_secret(black_box(&secret)).unwrap());
    });
}

fn verdicts(criterion: &mut Criterion) {
    let line = "2026-01-01T00:00:00Z 4096 of 1048576 bytes were sent to the device\n";
    let mut log = line.repeat((1 << 20) / line.len());
    log += "Verified device\nFirmware sent to IoT\n";
    let ended = Ended {
        exit_code: Some(0),
        container_reason: Some("Completed"),
        phase: "Succeeded",
        pod_reason: None,
        pod_message: None,
        deleted: false,
        in_time: Some(true),
        log: Ok(&log),
    };
    let markers = Markers::default();
    criterion.bench_function("verdict on a log of 1 MiB", |bencher| {
        bencher.iter(|| judge(black_box(&ended), &markers));
    });
}

fn seals(criterion: &mut Criterion) {
    let seals = Seals::new(SealKey::new(&[7; 32]), None);
    let subject = Subject {
        kind: "Pod",
        namespace: "lab",
        name: "flash-0123456789-abcdefghij",
        job_uid: "00000000-0000-4000-8000-000000000000",
        attempt_id: "abcdefghij",
        round: 1,
        uuid: "0123456789",
        endpoint: "192.0.2.1:80",
    };
    criterion.bench_function("seal an object", |bencher| {
        bencher.iter(|| seals.seal(black_box(&subject)));
    });
    let seal = seals.seal(&subject);
    criterion.bench_function("check a seal", |bencher| {
        bencher.iter(|| seals.is_valid(black_box(&seal), &subject));
    });
}

criterion_group!(
    benches, planning, signing, rendering, records, verdicts, seals
);
criterion_main!(benches);
