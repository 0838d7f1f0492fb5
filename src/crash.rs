//! Crash points: before and after each write of the operator a test can let the process abort, as if it had been killed there.
//!
//! Named by `FLASHJOB_CRASH_AT=NAME[:N]`, the N-th reach of that name. In a release build there are none: [`Crash`] is empty there
//! and does nothing, and the variable is not read. Passed through by whoever writes; decides nothing.

use std::future::Future;

#[cfg(debug_assertions)]
use std::{
    fmt,
    str::FromStr,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

/// Declares the writes with their names.
macro_rules! writes {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// A write of the operator, as crash points name it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Write {
            $($(#[$doc])* $variant,)*
        }

        #[cfg(debug_assertions)]
        impl Write {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The word for it.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

writes! {
    /// The leader lease is taken.
    LeaseTake = "lease-take",
    /// It is renewed.
    LeaseRenew = "lease-renew",
    /// It is given up.
    LeaseRelease = "lease-release",
    /// The operator's finalizer is put on a job.
    FinalizerOn = "finalizer-on",
    /// A slice of a selection is stored.
    SelectionCreate = "selection-create",
    /// The class defaults of a round are stored.
    ClassFreeze = "class-freeze",
    /// The status that opens a round, or gives it its class.
    RoundStatus = "round-status",
    /// The status that names more devices, or that refuses too many.
    SelectionStatus = "selection-status",
    /// The status that sends failed devices again.
    RerunStatus = "rerun-status",
    /// Every other status: verdicts and progress.
    Status = "status",
    /// The status of a job that cannot be read.
    UnreadableStatus = "unreadable-status",
    /// The status of a class.
    ClassStatus = "class-status",
    /// An event.
    Event = "event",
    /// The Service of the original operator is taken over.
    AdoptService = "adopt-service",
    /// The Pod of the original operator is taken over.
    AdoptPod = "adopt-pod",
    /// Write 1 of a device.
    RecordCreate = "record-create",
    /// Write 2.
    ServiceApply = "service-apply",
    /// Write 2 where the Service is one of a pool.
    ServiceLease = "service-lease",
    /// Write 4.
    PodCreate = "pod-create",
    /// Write 5.
    RecordDeployed = "record-deployed",
    /// A Pod is deleted.
    PodDelete = "pod-delete",
    /// The tracking finalizer comes off a Pod.
    PodUntrack = "pod-untrack",
    /// The tracking finalizer is put on a Service that lacks it.
    ServiceHold = "service-hold",
    /// The tracking finalizer comes off a Service.
    ServiceFree = "service-free",
    /// A Service is deleted.
    ServiceDelete = "service-delete",
    /// A record is deleted.
    RecordDelete = "record-delete",
    /// A record is put to `failed`, for its device failed.
    RecordFailed = "record-failed",
    /// A record that helm left is put to `failed`, for its Pod never was.
    RecordSettle = "record-settle",
    /// helm makes a release without its Pod: writes 1 and 2.
    HelmReserve = "helm-reserve",
    /// helm makes its Pod: writes 4 and 5.
    HelmLaunch = "helm-launch",
    /// A selection that is not needed any more is deleted.
    SelectionDelete = "selection-delete",
    /// A job whose time to live has passed is deleted.
    JobDelete = "job-delete",
    /// The operator's finalizer comes off a job.
    FinalizerOff = "finalizer-off",
}

#[cfg(debug_assertions)]
impl Write {
    /// Whether only one engine makes it: `native` or `helm`.
    #[must_use]
    pub const fn engine(self) -> Option<&'static str> {
        match self {
            Self::RecordCreate | Self::ServiceApply | Self::PodCreate | Self::RecordDeployed => {
                Some("native")
            }
            Self::RecordSettle | Self::HelmReserve | Self::HelmLaunch => Some("helm"),
            _ => None,
        }
    }

    const fn is_child(self) -> bool {
        matches!(self, Self::HelmReserve | Self::HelmLaunch)
    }
}

/// Where about a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// Nothing was sent yet.
    Before,
    /// The child process that writes has started. Of children alone.
    Started,
    /// The API server said that it took effect, or the child has ended.
    After,
}

/// Where a process may abort.
#[cfg(debug_assertions)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Point {
    /// About which write.
    pub write: Write,
    /// On which side of it.
    pub side: Side,
}

#[cfg(debug_assertions)]
impl Point {
    /// All points that an engine reaches, in the order in which a job comes by them.
    #[must_use]
    pub fn of_engine(engine: &str) -> Vec<Self> {
        let writes = Write::ALL
            .iter()
            .filter(|write| write.engine().is_none_or(|only| only == engine));
        let sides = [Side::Before, Side::Started, Side::After];
        let points =
            writes.flat_map(|&write| sides.into_iter().map(move |side| Self { write, side }));
        points
            .filter(|point| point.side != Side::Started || point.write.is_child())
            .collect()
    }
}

#[cfg(debug_assertions)]
impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = match self.side {
            Side::Before => "before",
            Side::Started => "started",
            Side::After => "after",
        };
        write!(f, "{side}-{}", self.write.name())
    }
}

/// Where to abort, and at which reach of it.
#[cfg(debug_assertions)]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CrashAt {
    point: Point,
    reach: u32,
}

#[cfg(debug_assertions)]
impl FromStr for CrashAt {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, reach) = text.split_once(':').unwrap_or((text, "1"));
        let mut points = Point::of_engine("native");
        points.extend(Point::of_engine("helm"));
        let point = points.into_iter().find(|point| point.to_string() == name);
        let reach = reach.parse().ok().filter(|reach| *reach > 0);
        match (point, reach) {
            (Some(point), Some(reach)) => Ok(Self { point, reach }),
            (None, _) => Err(format!("no crash point is called {name:?}")),
            (_, None) => Err("after the colon stands a number from 1 on".to_owned()),
        }
    }
}

/// The crash point of this process, if it has one.
#[derive(Clone, Debug, Default)]
pub struct Crash {
    #[cfg(debug_assertions)]
    armed: Option<Arc<(CrashAt, AtomicU32)>>,
}

impl Crash {
    /// Aborts at that point.
    #[cfg(debug_assertions)]
    #[must_use]
    pub fn at(at: Option<CrashAt>) -> Self {
        Self {
            armed: at.map(|at| Arc::new((at, AtomicU32::new(0)))),
        }
    }

    /// The process has come to a point.
    #[cfg(debug_assertions)]
    pub fn reach(&self, write: Write, side: Side) {
        let Some((at, reached)) = self.armed.as_deref() else {
            return;
        };
        if at.point == (Point { write, side })
            && reached.fetch_add(1, Ordering::Relaxed) + 1 == at.reach
        {
            // Not by way of the logs: they might be buffered.
            eprintln!("crash point {} reached", at.point);
            std::process::abort();
        }
    }

    /// Nothing.
    #[cfg(not(debug_assertions))]
    #[inline]
    pub fn reach(&self, _: Write, _: Side) {}

    /// Carries a write out, with a point before it, and one after it where it took effect.
    ///
    /// # Errors
    /// Those of the write.
    pub async fn around<T, E>(
        &self,
        write: Write,
        request: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        self.reach(write, Side::Before);
        let answer = request.await?;
        self.reach(write, Side::After);
        Ok(answer)
    }
}

#[cfg(all(test, debug_assertions))]
mod tests {
    use std::collections::HashSet;

    use rstest::rstest;

    use super::*;

    #[test]
    fn every_point_has_a_name_of_its_own_that_is_read_back() {
        let mut names = HashSet::new();
        for engine in ["native", "helm"] {
            for point in Point::of_engine(engine) {
                let read: CrashAt = format!("{point}:3").parse().unwrap();
                assert_eq!((read.point, read.reach), (point, 3));
                names.insert(point.to_string());
            }
        }
        // Two sides each; the two that helm makes have a third.
        assert_eq!(names.len(), 2 * Write::ALL.len() + 2);
    }

    #[rstest]
    #[case::no_name("before-lunch", "no crash point is called \"before-lunch\"")]
    #[case::no_number("before-status:soon", "after the colon stands a number from 1 on")]
    #[case::never("before-status:0", "after the colon stands a number from 1 on")]
    #[case::no_child("started-status", "no crash point is called \"started-status\"")]
    fn what_names_no_point_is_refused(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(text.parse::<CrashAt>().unwrap_err(), expected);
    }

    #[tokio::test]
    async fn a_process_without_a_crash_point_passes_all_of_them() {
        let crash = Crash::at(None);
        for &write in Write::ALL {
            let answer: Result<u8, u8> = crash.around(write, async { Err(7) }).await;
            assert_eq!(answer, Err(7));
        }
    }
}
