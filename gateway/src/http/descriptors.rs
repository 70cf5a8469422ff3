//! Keeps clients from using up the file descriptors that the gateway needs itself: for the line to the broker, for keys,
//! for probes.

use rlimit::Resource;
use runtime::StartError;

/// For what is no client's connection: standard streams, the event loop, two lines to the broker and their renewal, key
/// files, an issuer's keys with the root certificates. About twenty are in use.
const RESERVED: u64 = 32;
/// Probes need no more connections than this.
const ADMIN: u64 = 64;
/// With fewer there is nothing to serve with.
const FEWEST: u64 = 16;

/// How many connections there may be at a time.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Connections {
    pub(crate) public: usize,
    pub(crate) admin: usize,
}

/// Raises the limit of open files as far as `wanted` connections need it, and lowers their number where it may not be raised.
pub(crate) fn reserve(wanted: usize) -> Result<Connections, StartError> {
    let failed = |error| StartError::failed("cannot tell how many files may be open (RLIMIT_NOFILE)", error);
    let (soft, hard) = Resource::NOFILE.get().map_err(failed)?;
    let wanted = u64::try_from(wanted).unwrap_or(u64::MAX);
    let needed = wanted.saturating_add(ADMIN + RESERVED);
    let mut limit = soft;
    if soft < needed {
        limit = needed.min(hard);
        if Resource::NOFILE.set(limit, hard).is_err() {
            limit = soft;
        }
    }
    let connections = share(limit, wanted).ok_or_else(|| {
        let least = RESERVED + FEWEST;
        StartError::Failed(format!(
            "only {limit} files may be open (ulimit -n), and the gateway needs {least} at least"
        ))
    })?;
    if limit < needed {
        tracing::warn!(
            open_files = limit,
            wanted,
            connection_limit = connections.public,
            "fewer connections are served than GATEWAY_CONNECTION_LIMIT says: raise the limit of open files (ulimit -n)"
        );
    }
    Ok(connections)
}

/// Divides what may be open; `None` when it is too little.
fn share(limit: u64, wanted: u64) -> Option<Connections> {
    let free = limit.checked_sub(RESERVED).filter(|free| *free >= FEWEST)?;
    let admin = ADMIN.min(free / 4);
    let number = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    Some(Connections { public: number(wanted.min(free - admin)), admin: number(admin) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_kept_back_whatever_is_wanted() {
        let shared = |limit, wanted| share(limit, wanted).map(|shares| (shares.public, shares.admin));
        assert_eq!(shared(65_536, 1_024), Some((1_024, 64)));
        assert_eq!(shared(1_120, 1_024), Some((1_024, 64)));
        assert_eq!(shared(1_024, 1_024), Some((928, 64)));
        assert_eq!(shared(64, 1_024), Some((24, 8)));
        assert_eq!(shared(64, 10), Some((10, 8)));
        assert_eq!((shared(48, 1), shared(47, 1), shared(0, 1)), (Some((1, 4)), None, None));
        assert_eq!(shared(u64::MAX, u64::MAX).map(|(_, admin)| admin), Some(64));
    }
}
