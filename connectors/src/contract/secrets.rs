//! Does a secret show anywhere that is written down?

use super::{Check, Outcome, Subject, ask, ensure};
use crate::{
    connector::{DescribeRequest, PlanRequest},
    scan::Guard,
};

pub(super) async fn nowhere(subject: &Subject) -> Check {
    let (cx, lake) = (subject.call("secrets"), subject.lake());
    let spec = ask::table(subject.connector.as_ref(), &cx, &lake.database, lake.owned).await?;
    let scan = ask::scan(&spec, &[], Guard::none(), Vec::new());
    let request = PlanRequest { scan: scan.clone() };
    let (planned, splits) = ask::plan(subject.connector.as_ref(), &cx, scan).await?;
    let request_text = format!("{:?}", ask::read_request(&spec.handle));
    let mut shown = vec![
        format!("{cx:?} {spec:?} {request:?} {planned:?} {splits:?} {request_text}"),
        format!("{:?} {:?} {:?}", subject.connector, subject.route, subject.connection),
    ];
    // A refused credential and a lost source are told without it.
    for change in [wrong_credential as fn(&mut crate::connection::Connection), closed_port] {
        let mut cx = subject.call("secrets");
        let mut source = subject.fixture.connection();
        change(&mut source);
        cx.connection = std::sync::Arc::new(subject.route.connection(source));
        if let Err(error) = subject.connector.describe(&cx, DescribeRequest::Ping).await {
            shown.push(format!("{error} {error:?}"));
        }
    }
    for secret in &lake.secrets {
        for text in &shown {
            ensure!(
                !text.contains(secret.as_str()),
                "a secret shows: {}",
                text.replace(secret.as_str(), "***")
            );
        }
    }
    Ok(Outcome::Kept)
}

fn wrong_credential(connection: &mut crate::connection::Connection) {
    let members: Vec<String> = connection.credential.members().map(str::to_owned).collect();
    let wrong = members.iter().map(|name| {
        let value = connection.credential.expose(name).unwrap_or_default();
        (name.as_str(), format!("{value}x"))
    });
    let wrong: Vec<(&str, String)> = wrong.collect();
    let wrong = crate::credential::Credential::from_plain(wrong.iter().map(|(name, value)| (*name, value.as_str())));
    connection.credential = wrong;
}

fn closed_port(connection: &mut crate::connection::Connection) {
    if connection.options.contains_key("port") {
        connection.options.insert("port".to_owned(), 1.into());
    }
}
