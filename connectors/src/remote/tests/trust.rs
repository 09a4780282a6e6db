//! Keys and certificates: whoever has neither is a stranger.

use std::{path::Path, process::Command, sync::Arc};

use tokio::{net::TcpListener, task::JoinSet};
use tokio_util::sync::CancellationToken;

use super::{KEY, call};
use crate::{
    call::CallContext,
    connector::{Connector, DescribeRequest, DescribeResponse},
    credential::Credential,
    error::ConnectorErrorKind,
    registry::Registry,
    remote::{
        host::{Host, HostSettings},
        keys::Keys,
        listener::{HostTls, TlsFiles, serve, tls},
    },
    sqlite::SqliteConnector,
};

const OTHER: &str = "ff23456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

async fn host(settings: HostSettings, tls: Option<HostTls>) -> (u16, JoinSet<std::io::Result<()>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("port");
    let port = listener.local_addr().expect("address").port();
    let host = Host::new(Arc::new(SqliteConnector::new()), settings).expect("host");
    let mut tasks = JoinSet::new();
    tasks.spawn(serve(Arc::new(host), listener, tls, CancellationToken::new()));
    (port, tasks)
}

fn keyed(keys: &[&str]) -> HostSettings {
    HostSettings {
        keys: (!keys.is_empty()).then(|| Keys::of_hex(keys.iter().copied()).expect("keys")),
        local_roots: vec!["/".into()],
        ..HostSettings::default()
    }
}

async fn ping(cx: &CallContext) -> Result<(), ConnectorErrorKind> {
    let registry = Registry::built_in();
    let connector: &Arc<dyn Connector> = registry.connector("sqlite").expect("sqlite");
    match connector.describe(cx, DescribeRequest::Ping).await {
        Ok(DescribeResponse::Pong) => Ok(()),
        Ok(other) => panic!("{other:?}"),
        Err(error) => Err(error.kind()),
    }
}

fn database(folder: &Path) -> String {
    let path = folder.join("empty.db");
    std::fs::write(&path, "").expect("file");
    path.to_str().expect("path").to_owned()
}

#[tokio::test]
async fn a_key_lets_in_and_no_other() {
    let folder = tempfile::tempdir().expect("folder");
    let path = database(folder.path());
    let (port, _host) = host(keyed(&[KEY, OTHER]), None).await;
    let remote = format!("grpc://127.0.0.1:{port}");
    let with = |members: &[(&str, &str)]| call(&remote, &[("path", &path)], members);
    assert_eq!(ping(&with(&[("remote_key", KEY)])).await, Ok(()));
    assert_eq!(ping(&with(&[("remote_key", OTHER)])).await, Ok(()), "the key before it");
    let stranger = KEY.replace('0', "1");
    for members in [&[][..], &[("remote_key", stranger.as_str())]] {
        assert_eq!(ping(&with(members)).await, Err(ConnectorErrorKind::Unauthenticated));
    }
    // A key that was replaced under the same version of the connection is used at once.
    let registry = Registry::built_in();
    let connector = registry.connector("sqlite").expect("sqlite");
    let mut outcomes = Vec::new();
    for key in [stranger.as_str(), KEY] {
        let cx = with(&[("remote_key", key)]);
        outcomes.push(connector.describe(&cx, DescribeRequest::Ping).await.is_ok());
    }
    assert_eq!(outcomes, [false, true]);
}

#[tokio::test]
async fn a_host_that_names_its_source_gives_it_to_nobody_else() {
    let folder = tempfile::tempdir().expect("folder");
    let path = database(folder.path());
    let mut settings = keyed(&[KEY]);
    settings.options = [("path".to_owned(), path.as_str().into())].into();
    settings.credential = Credential::default();
    let (port, _host) = host(settings, None).await;
    let remote = format!("grpc://127.0.0.1:{port}");
    let key = [("remote_key", KEY)];
    assert_eq!(ping(&call(&remote, &[], &key)).await, Ok(()));
    assert_eq!(ping(&call(&remote, &[("path", &path)], &key)).await, Ok(()));
    let other = call(&remote, &[("path", "/etc/passwd")], &key);
    assert_eq!(ping(&other).await, Err(ConnectorErrorKind::AccessDenied));
    let mut sent = key.to_vec();
    sent.push(("user", "mallory"));
    let with_credential = call(&remote, &[], &sent);
    assert_eq!(ping(&with_credential).await, Err(ConnectorErrorKind::AccessDenied));
}

/// An authority, and a certificate of each name by it.
fn certificates(folder: &Path, names: &[&str]) {
    let run = |arguments: &[&str]| {
        let done = Command::new("openssl")
            .args(arguments)
            .current_dir(folder)
            .output()
            .expect("openssl");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    };
    let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
    let authority = [
        "-subj",
        "/CN=test-ca",
        "-keyout",
        "ca.key",
        "-out",
        "ca.crt",
        "-days",
        "2",
    ];
    run(&[
        &["req", "-x509"],
        &key[..],
        &authority,
        &["-addext", "keyUsage=critical,keyCertSign"],
    ]
    .concat());
    for name in names {
        let (private, request, certificate) = (format!("{name}.key"), format!("{name}.csr"), format!("{name}.crt"));
        let subject = format!("/CN={name}");
        run(&[
            &["req"],
            &key[..],
            &["-subj", &subject, "-keyout", &private, "-out", &request],
        ]
        .concat());
        std::fs::write(folder.join("names"), "subjectAltName=DNS:localhost,IP:127.0.0.1\n").expect("file");
        run(&[
            "x509",
            "-req",
            "-in",
            &request,
            "-CA",
            "ca.crt",
            "-CAkey",
            "ca.key",
            "-CAcreateserial",
            "-days",
            "2",
            "-extfile",
            "names",
            "-out",
            &certificate,
        ]);
    }
}

#[tokio::test]
async fn certificates_let_in_and_no_others() {
    let (ours, theirs) = (
        tempfile::tempdir().expect("folder"),
        tempfile::tempdir().expect("folder"),
    );
    certificates(ours.path(), &["host", "gateway"]);
    certificates(theirs.path(), &["gateway"]);
    let text =
        |folder: &tempfile::TempDir, name: &str| std::fs::read_to_string(folder.path().join(name)).expect("file");
    let (certificate, private_key, client_ca) =
        (text(&ours, "host.crt"), text(&ours, "host.key"), text(&ours, "ca.crt"));
    let files = TlsFiles {
        certificate: &certificate,
        private_key: &private_key,
        client_ca: Some(&client_ca),
    };
    let (port, _host) = host(keyed(&[]), Some(tls(files).expect("tls"))).await;
    let path = database(ours.path());
    let remote = format!("grpcs://localhost:{port}");
    let ca = |folder: &tempfile::TempDir| format!("file://{}", folder.path().join("ca.crt").display());
    let with = |ca: &str, identity: Option<&tempfile::TempDir>| {
        let files = identity.map(|folder| (text(folder, "gateway.crt"), text(folder, "gateway.key")));
        let members = files.as_ref().map(|(certificate, key)| {
            [
                ("remote_certificate", certificate.as_str()),
                ("remote_private_key", key.as_str()),
            ]
        });
        call(
            &remote,
            &[("path", &path), ("remote_ca", ca)],
            members.as_ref().map_or(&[], |members| &members[..]),
        )
    };
    assert_eq!(ping(&with(&ca(&ours), Some(&ours))).await, Ok(()));
    // The host does not know the gateway; it says so by hanging up.
    for identity in [None, Some(&theirs)] {
        let kind = ping(&with(&ca(&ours), identity)).await.expect_err("a stranger");
        assert!(
            matches!(
                kind,
                ConnectorErrorKind::Unauthenticated | ConnectorErrorKind::Unavailable
            ),
            "{kind:?}"
        );
    }
    // The gateway does not know the host.
    let unknown = ping(&with(&ca(&theirs), Some(&ours))).await;
    assert_eq!(unknown, Err(ConnectorErrorKind::Unauthenticated));
    // Nor is anything sent to it in the clear.
    let plain = call(&format!("grpc://localhost:{port}"), &[("path", &path)], &[]);
    assert_eq!(ping(&plain).await, Err(ConnectorErrorKind::Unavailable));
}
