//! Many devices, and everything that happens to an operator in its life.

use testbed::real::{
    container::kill_in,
    fault::{fifty, ten_at_a_time},
    installation::Installation,
    site::{JOB, Site},
};

use crate::disturbance::drain;

/// Waits until so many devices of the job have ended.
async fn ended(site: &Site, count: i64) {
    let what = format!("end of {count} devices");
    let have_ended =
        |job: &testbed::job::Seen| job.count("succeeded") + job.count("failed") >= count;
    site.space.becomes(JOB, &what, 120, have_ended).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes: make bench-real"]
async fn fifty_devices_get_the_verdicts_that_they_prove_while_the_deployment_is_killed_drained_and_upgraded()
 {
    let installation = Installation::shared();
    let faults = fifty();
    let names: Vec<_> = faults.iter().map(|fault| fault.name).collect();
    let site = Site::new("fifty", &names).await;
    installation.ready();
    let uuids = site.apply(&ten_at_a_time()).await;
    ended(&site, 8).await;
    kill_in(&installation.leader(&site).await);
    ended(&site, 16).await;
    drain(&site, 1).await;
    ended(&site, 24).await;
    installation.upgrade(&["log.level=debug"]);
    let is_over = site.space.job(JOB).is("Finished");
    assert!(!is_over, "the upgrade came too late");
    let done = site.finished(300).await;
    println!("{}", done.0["status"]["counts"]);
    site.assert_proved(&faults, &done, &uuids);
    installation.ready();
}
