//! Under which circumstances is a change judged? Those that some policy can tell apart: with and without a second factor, at
//! and around literal times, inside and outside of literal networks.

use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use chrono::{DateTime, Duration, SecondsFormat, Timelike, Utc};
use lakegate_catalog::snapshot::Snapshot;
use lakegate_policy::{RequestContext, Vocabulary};

use super::person::Person;

/// More circumstances than this are not tried.
const MOST: usize = 512;

/// One set of facts of a request.
#[derive(Clone, Debug)]
pub(super) struct Situation {
    pub request: RequestContext,
    /// How it differs from the ordinary one.
    pub label: Option<String>,
}

/// The situations, the ordinary one first; and whether some were left out.
#[derive(Debug)]
pub(super) struct Situations {
    pub all: Vec<Situation>,
    pub complete: bool,
}

/// One fact that differs from the ordinary one.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Fact {
    Age(i64),
    Client(String),
    Ip(IpAddr),
    Mfa,
    Now(i64),
    Purpose(String),
    Workgroup(String, String),
}

impl Fact {
    fn label(&self) -> String {
        match self {
            Self::Age(ms) => format!("{} s after log-in", ms / 1000),
            Self::Client(client) => format!("through {client}"),
            Self::Ip(ip) => format!("from {ip}"),
            Self::Mfa => "with mfa".to_owned(),
            Self::Now(ms) => format!("at {}", time_text(*ms)),
            Self::Purpose(purpose) => format!("for purpose {purpose}"),
            Self::Workgroup(_, name) => format!("in workgroup {name}"),
        }
    }

    fn put(&self, request: &mut RequestContext) {
        match self {
            Self::Age(ms) => request.auth_age_ms = Some(*ms),
            Self::Client(client) => request.client.clone_from(client),
            Self::Ip(ip) => request.ip = *ip,
            Self::Mfa => request.mfa = true,
            Self::Now(ms) => request.now = *ms,
            Self::Purpose(purpose) => request.purpose = Some(purpose.clone()),
            Self::Workgroup(id, _) => request.workgroup.clone_from(id),
        }
    }
}

/// What the policies of both catalogs may tell apart; `ends` are the ends of grants.
pub(super) fn situations(
    words: &Vocabulary,
    (snapshot, people): (&Snapshot, &[Person]),
    ends: &BTreeSet<i64>,
    now: DateTime<Utc>,
) -> Situations {
    let mut dimensions: Vec<Vec<Fact>> = vec![times(words, ends, now)];
    if words.reads("mfa") {
        dimensions.push(vec![Fact::Mfa]);
    }
    if words.reads("auth_age") {
        dimensions.push(ages(words));
    }
    if words.reads("ip") {
        dimensions.push(addresses(words));
    }
    if words.reads("client") {
        dimensions.push(words.texts.iter().map(|text| Fact::Client(text.clone())).collect());
    }
    if words.reads("purpose") {
        let purposes: BTreeSet<&String> = people.iter().flat_map(Person::purposes).collect();
        dimensions.push(purposes.into_iter().map(|text| Fact::Purpose(text.clone())).collect());
    }
    if words.reads("workgroup") {
        let groups = snapshot.workgroups.iter();
        let named = groups.filter(|group| words.texts.contains(group.id.as_str()));
        dimensions.push(
            named
                .map(|group| Fact::Workgroup(group.id.to_string(), group.name.clone()))
                .collect(),
        );
    }
    combined(&ordinary(snapshot, now), &dimensions)
}

/// The situations that somebody can be in: a purpose must be one of theirs.
pub(super) fn situations_of<'s>(all: &'s [Situation], person: &Person) -> impl Iterator<Item = &'s Situation> {
    let purposes: BTreeSet<String> = person.purposes().into_iter().cloned().collect();
    all.iter().filter(move |situation| {
        let purpose = situation.request.purpose.as_ref();
        purpose.is_none_or(|purpose| purposes.contains(purpose))
    })
}

/// No second factor, no purpose, an unknown log-in, an address of nobody (RFC 5737).
fn ordinary(snapshot: &Snapshot, now: DateTime<Utc>) -> RequestContext {
    let primary = snapshot.workgroups.iter().find(|group| group.name == "primary");
    RequestContext {
        now: now.timestamp_millis(),
        ip: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
        mfa: false,
        auth_age_ms: None,
        workgroup: primary.map(|group| group.id.to_string()).unwrap_or_default(),
        client: "rest".to_owned(),
        purpose: None,
        via_view: None,
        on_behalf_of: None,
        ticket: None,
    }
}

/// Every combination, those that differ least first.
fn combined(ordinary: &RequestContext, dimensions: &[Vec<Fact>]) -> Situations {
    let mut sets: Vec<Vec<&Fact>> = vec![Vec::new()];
    let mut complete = true;
    for facts in dimensions {
        let mut more = Vec::new();
        for fact in facts {
            for set in &sets {
                more.push(set.iter().copied().chain([fact]).collect());
            }
        }
        if sets.len() + more.len() > MOST {
            // One by one at least.
            complete = false;
            more.retain(|set: &Vec<&Fact>| set.len() == 1);
            more.truncate(MOST);
        }
        sets.extend(more);
    }
    sets.sort_by_key(Vec::len);
    let all = sets.iter().map(|facts| {
        let mut request = ordinary.clone();
        facts.iter().for_each(|fact| fact.put(&mut request));
        let labels: Vec<String> = facts.iter().map(|fact| fact.label()).collect();
        Situation {
            request,
            label: (!labels.is_empty()).then(|| labels.join(", ")),
        }
    });
    Situations {
        all: all.collect(),
        complete,
    }
}

/// Moments to come at which a decision may turn: the ends of grants, literal times and literal times of the day.
fn times(words: &Vocabulary, ends: &BTreeSet<i64>, now: DateTime<Utc>) -> Vec<Fact> {
    let mut found: BTreeSet<i64> = ends.iter().copied().collect();
    if words.reads("now") {
        for text in &words.texts {
            found.extend(moment(text).into_iter().flat_map(|ms| [ms - 1, ms, ms + 1]));
            found.extend(duration(text).into_iter().flat_map(|ms| of_day(now, ms)));
        }
    }
    let coming = found.into_iter().filter(|ms| *ms > now.timestamp_millis());
    coming.map(Fact::Now).collect()
}

/// The same time tomorrow, and around it.
fn of_day(now: DateTime<Utc>, ms: i64) -> Vec<i64> {
    let midnight = now
        .with_hour(0)
        .and_then(|at| at.with_minute(0))
        .and_then(|at| at.with_second(0))
        .and_then(|at| at.with_nanosecond(0));
    let tomorrow = midnight.map(|at| (at + Duration::days(1)).timestamp_millis());
    let day = 0..Duration::days(1).num_milliseconds();
    let inside = tomorrow.filter(|_| day.contains(&ms));
    inside
        .into_iter()
        .flat_map(|start| [ms - 1, ms, ms + 1].map(|at| start + at))
        .collect()
}

fn ages(words: &Vocabulary) -> Vec<Fact> {
    let around = words.texts.iter().filter_map(|text| duration(text));
    let mut found: BTreeSet<i64> = around
        .flat_map(|ms| [ms - 1, ms, ms + 1])
        .filter(|ms| *ms >= 0)
        .collect();
    found.insert(0);
    found.into_iter().map(Fact::Age).collect()
}

/// First and last address of every literal network, and addresses that are ours alone.
fn addresses(words: &Vocabulary) -> Vec<Fact> {
    let mut found: BTreeSet<IpAddr> = words.texts.iter().flat_map(|text| network(text)).collect();
    if !found.is_empty() || words.reads("isLoopback") {
        found.insert(IpAddr::V4(Ipv4Addr::LOCALHOST));
        found.insert(IpAddr::V6(Ipv6Addr::LOCALHOST));
    }
    found.into_iter().map(Fact::Ip).collect()
}

/// The ends of an address range; nothing if the text is none.
fn network(text: &str) -> Vec<IpAddr> {
    let (address, prefix) = text.split_once('/').unwrap_or((text, ""));
    let Ok(ip) = address.parse::<IpAddr>() else {
        return Vec::new();
    };
    let prefix: u32 = prefix.parse().unwrap_or(128);
    match ip {
        IpAddr::V4(ip) => {
            let host = u32::MAX.checked_shr(prefix).unwrap_or(0);
            let bits = u32::from(ip);
            [bits & !host, bits | host].map(|bits| IpAddr::V4(bits.into())).to_vec()
        }
        IpAddr::V6(ip) => {
            let host = u128::MAX.checked_shr(prefix).unwrap_or(0);
            let bits = u128::from(ip);
            [bits & !host, bits | host].map(|bits| IpAddr::V6(bits.into())).to_vec()
        }
    }
}

/// Milliseconds of a literal `datetime`: a date, or a time with or without milliseconds and offset.
fn moment(text: &str) -> Option<i64> {
    let whole = if text.contains('T') {
        text.to_owned()
    } else {
        format!("{text}T00:00:00Z")
    };
    let formats = ["%Y-%m-%dT%H:%M:%S%.f%#z", "%Y-%m-%dT%H:%M:%S%.fZ"];
    if let Ok(time) = DateTime::parse_from_rfc3339(&whole) {
        return Some(time.timestamp_millis());
    }
    let parsed = formats
        .iter()
        .find_map(|format| DateTime::parse_from_str(&whole, format).ok());
    parsed.map(|time| time.timestamp_millis())
}

/// Milliseconds of a literal `duration`: `1d2h3m4s5ms`.
fn duration(text: &str) -> Option<i64> {
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let mut total: i64 = 0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let number: i64 = rest.get(..digits)?.parse().ok()?;
        rest = rest.get(digits..)?;
        let units = [
            ("ms", 1),
            ("s", 1000),
            ("m", 60_000),
            ("h", 3_600_000),
            ("d", 86_400_000),
        ];
        let (unit, ms) = units.into_iter().find(|(unit, _)| rest.starts_with(unit))?;
        total = total.checked_add(number.checked_mul(ms)?)?;
        rest = rest.get(unit.len()..)?;
    }
    (!text.is_empty()).then_some(if negative { -total } else { total })
}

fn time_text(ms: i64) -> String {
    DateTime::from_timestamp_millis(ms).map_or_else(
        || ms.to_string(),
        |time: DateTime<Utc>| time.to_rfc3339_opts(SecondsFormat::Millis, true),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_are_read_as_cedar_reads_them() {
        assert_eq!(moment("1970-01-02"), Some(86_400_000));
        assert_eq!(moment("1970-01-01T00:00:01Z"), Some(1000));
        assert_eq!(moment("1970-01-01T01:00:00.005+0100"), Some(5));
        assert_eq!(moment("eu"), None);
        assert_eq!(duration("1d2h3m4s5ms"), Some(93_784_005));
        assert_eq!(duration("-15m"), Some(-900_000));
        assert_eq!((duration("15"), duration(""), duration("eu")), (None, None, None));
        let ends = |text: &str| network(text).iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(ends("10.0.0.0/8"), ["10.0.0.0", "10.255.255.255"]);
        assert_eq!(ends("10.1.2.3"), ["10.1.2.3", "10.1.2.3"]);
        assert_eq!(ends("fd00::/8").first().map(String::as_str), Some("fd00::"));
        assert_eq!(ends("orders"), [""; 0]);
    }

    #[test]
    fn combinations_come_the_plain_ones_first_and_have_an_end() {
        let mut words = Vocabulary::default();
        words.add("context.mfa && context.ip.isInRange(ip(\"10.0.0.0/8\"))");
        let found = situations(&words, (&Snapshot::default(), &[]), &BTreeSet::new(), Utc::now());
        let labels: Vec<_> = found
            .all
            .iter()
            .map(|one| one.label.clone().unwrap_or_default())
            .collect();
        assert_eq!(labels.first().map(String::as_str), Some(""));
        assert!(labels.contains(&"with mfa, from 10.0.0.0".to_owned()), "{labels:?}");
        assert!(found.complete);
        for day in 10..28 {
            words.add(&format!(
                "context.now < datetime(\"2100-01-{day}\") && \"{day}.0.0.0/8\""
            ));
        }
        let many = situations(&words, (&Snapshot::default(), &[]), &BTreeSet::new(), Utc::now());
        assert!(!many.complete && many.all.len() < 2 * MOST);
    }
}
