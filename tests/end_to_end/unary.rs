//! The calls with one question and one answer, by grpcurl, which knows the services by
//! reflection alone.

use serde_json::{Value, json};

use crate::content::assert_holds;
use crate::support::failure::failed;
use crate::support::servers::{Security, Server, ServerKind};
use crate::support::site::{Family, Site};
use crate::support::tools;
use simcom_talk::ftps::question::Question;

/// Every call that works on a server, with a profile and with sessions.
pub(crate) fn every_operation(site: &Site, server: &Server) {
    by_profile(site, server);
    by_session(site, server);
}

/// The calls that move the module's one FTPS service, whatever sessions there are.
pub(crate) fn the_service(site: &Site) {
    let call = |method: &str, request: &Value| {
        let service = match method {
            "StopFtps" | "StartFtps" | "GetCapabilities" => "ModemService",
            _ => "DiagnosticsService",
        };
        let method = format!("cellftp.v1.{service}/{method}");
        site.grpcurl_tcp()
            .call(&method, request)
            .unwrap_or_else(|failure| panic!("{method}: {failure:#?}"))
    };
    call("StopFtps", &json!({}));
    call("StartFtps", &json!({}));
    for mode in [
        "DATA_ADDRESS_MODE_FROM_REPLY",
        "DATA_ADDRESS_MODE_SAME_AS_CONTROL",
    ] {
        call("SetDataAddressMode", &json!({"mode": mode}));
        assert_eq!(call("GetDataAddressMode", &json!({}))["mode"], mode);
    }
    let able = call("GetCapabilities", &json!({}));
    assert!(able.is_object(), "{able:#}");
    let told = call("ListCommandForms", &json!({}));
    let forms = told["forms"].as_array().expect("forms");
    assert_eq!(forms.len(), Question::forms().len(), "{told:#}");
    let of = |command: &str| {
        let form = forms.iter().find(|form| form["command"] == command);
        form.unwrap_or_else(|| panic!("{command} is missing: {told:#}"))
    };
    for command in ["AT+CFTPSLOGIN=?", "AT+CFTPSTYPE=?", "AT+CFTPSSINGLEIP?"] {
        assert_eq!(of(command)["result"], "OK", "{told:#}");
        assert!(of(command)["lines"].is_array(), "{told:#}");
    }
    let unasked = json!({"line": "AT+CSQ"});
    let refused = site
        .grpcurl_tcp()
        .call("cellftp.v1.DiagnosticsService/SendAtCommand", &unasked);
    failed(refused).expect("PERMISSION_DENIED", "AT_COMMANDS_DISABLED");
}

fn by_profile(site: &Site, server: &Server) {
    let call = |method: &str, relative: &str| {
        let path = server.remote(relative);
        site.ftps(
            method,
            &json!({"target": {"profile": "server"}, "path": path}),
        )
    };
    call("MakeDirectory", "folder").expect("a new directory");
    assert!(server.local("folder").is_dir());
    assert_eq!(
        failed(call("MakeDirectory", "folder")).code,
        "ALREADY_EXISTS"
    );

    server.place("folder/five", b"12345");
    assert_eq!(call("GetSize", "folder/five").expect("a size")["size"], "5");
    failed(call("GetSize", "folder/six")).expect("NOT_FOUND", "FILE_NOT_FOUND");
    failed(call("MakeDirectory", "nowhere/new")).expect("NOT_FOUND", "DIRECTORY_NOT_FOUND");

    let listing = call("List", "folder").expect("a listing");
    let entry = &listing["entries"][0];
    assert_eq!(entry["name"], "five", "{listing:#}");
    assert_eq!(entry["size"], "5", "{listing:#}");
    assert_eq!(entry["kind"], "ENTRY_KIND_FILE", "{listing:#}");

    // Without a path: the login directory, which holds the folder.
    let login = json!({"target": {"profile": "server"}});
    let listing = site.ftps("List", &login).expect("a listing");
    let mut names = listing["entries"].as_array().expect("entries").iter();
    assert!(names.any(|entry| entry["name"] == "folder"), "{listing:#}");

    let messages = site
        .grpcurl_tcp()
        .stream(
            "cellftp.v1.FtpsService/Get",
            &json!({"target": {"profile": "server"}, "path": server.remote("folder/five"),
                    "offset": 2}),
        )
        .expect("a file");
    assert!(
        messages[0]["progress"]["operationId"].is_string(),
        "{messages:#?}"
    );
    // It may have waited for the link a little longer than one check.
    let rest: Vec<&Value> = messages
        .iter()
        .filter(|message| message["progress"].is_null())
        .collect();
    assert_eq!(rest[0]["info"]["offset"], "2", "{messages:#?}");
    assert_eq!(rest[1]["chunk"], "MzQ1", "{messages:#?}");
    assert_eq!(rest[2]["result"]["chunkSize"], "3", "{messages:#?}");

    // It is not empty: most servers refuse, and none may leave a file without its directory.
    let failure = failed(call("RemoveDirectory", "folder"));
    assert!(!failure.reason.is_empty(), "{failure:#?}");
    call("DeleteFile", "folder/five").expect("deleted");
    assert!(!server.local("folder/five").exists());
    failed(call("DeleteFile", "folder/five")).expect("NOT_FOUND", "FILE_NOT_FOUND");
    call("RemoveDirectory", "folder").expect("removed");
    assert!(!server.local("folder").exists());
}

fn by_session(site: &Site, server: &Server) {
    let deep = server.remote("outer/inner");
    for path in ["outer", "outer/inner"] {
        let request = json!({"target": {"profile": "server"}, "path": server.remote(path)});
        site.ftps("MakeDirectory", &request)
            .expect("a new directory");
    }
    server.place("outer/inner/file", b"123456789");

    let missing = json!({"profile": "server", "directory": server.remote("nowhere")});
    failed(site.ftps("OpenSession", &missing)).expect("NOT_FOUND", "FILE_NOT_FOUND");
    let request = json!({"profile": "server", "directory": deep});
    let opened = site.ftps("OpenSession", &request).expect("a session");
    assert_eq!(opened["directory"], deep, "{opened:#}");
    let id = opened["sessionId"].as_str().expect("an id");
    let other = site
        .ftps("OpenSession", &json!({"profile": "server"}))
        .expect("a session");

    let session = |extra: Value| {
        let mut request = json!({"sessionId": id});
        request.as_object_mut().expect("an object").extend(
            extra
                .as_object()
                .expect("an object")
                .iter()
                .map(|(k, v)| (k.clone(), v.clone())),
        );
        request
    };
    let relative = json!({"target": {"sessionId": id}, "path": "file"});
    assert_eq!(
        site.ftps("GetSize", &relative).expect("a size")["size"],
        "9"
    );

    let up = site
        .ftps("ChangeDirectory", &session(json!({"path": ".."})))
        .expect("moved");
    assert_eq!(up["directory"], server.remote("outer"), "{up:#}");
    let missing = session(json!({"path": "nowhere"}));
    failed(site.ftps("ChangeDirectory", &missing)).expect("NOT_FOUND", "FILE_NOT_FOUND");
    let here = site
        .ftps("GetWorkingDirectory", &session(json!({})))
        .expect("a directory");
    assert_eq!(
        here["directory"],
        server.remote("outer"),
        "a failed move is no move"
    );
    // The other session never left its directory.
    let there = site
        .ftps(
            "GetWorkingDirectory",
            &json!({"sessionId": other["sessionId"]}),
        )
        .expect("a directory");
    assert_eq!(there["directory"], other["directory"]);

    let ascii = session(json!({"transferType": "TRANSFER_TYPE_ASCII"}));
    site.ftps("SetTransferType", &ascii).expect("set");
    let found = site
        .ftps("GetTransferType", &session(json!({})))
        .expect("a type");
    assert_eq!(found["transferType"], "TRANSFER_TYPE_ASCII");

    site.ftps("CloseSession", &session(json!({})))
        .expect("closed");
    failed(site.ftps("GetSize", &relative)).expect("NOT_FOUND", "SESSION_NOT_FOUND");
}

#[test]
fn health_and_reflection() {
    if !tools::wanted("health_and_reflection") {
        return;
    }
    let server = Server::start(ServerKind::Vsftpd, Security::None);
    let site = Site::start(Family::Sim7600, &[("server", &server)]);
    let (unix, tcp) = (site.grpcurl(), site.grpcurl_tcp());

    let services = unix.reflect(&["list"]);
    for service in [
        "cellftp.v1.FtpsService",
        "cellftp.v1.ModemService",
        "cellftp.v1.ModuleStorageService",
        "grpc.health.v1.Health",
    ] {
        assert!(services.lines().any(|line| line == service), "{services}");
    }
    let put = tcp.reflect(&["describe", "cellftp.v1.FtpsService.Put"]);
    assert!(put.contains("stream .cellftp.v1.PutRequest"), "{put}");

    for service in ["", "cellftp.v1.FtpsService"] {
        let request = json!({"service": service});
        let health = tcp
            .call("grpc.health.v1.Health/Check", &request)
            .expect("known");
        assert_eq!(health["status"], "SERVING", "{service:?}");
    }

    let status = site.status();
    assert_eq!(status["state"], "LINK_STATE_READY", "{status:#}");
    let registration = &status["registration"];
    assert_eq!(
        registration["state"], "REGISTRATION_STATE_HOME",
        "{status:#}"
    );
    let model = status["identity"]["model"].as_str().unwrap_or_default();
    assert!(model.contains("SIM7600"), "{status:#}");
}

#[test]
fn a_put_by_grpcurl() {
    if !tools::wanted("a_put_by_grpcurl") {
        return;
    }
    let server = Server::start(ServerKind::Proftpd, Security::AuthTls);
    let site = Site::start(Family::Sim7600, &[("server", &server)]);
    let header = json!({"header": {"target": {"profile": "server"},
                                   "path": server.remote("file"), "size": 5}});
    let messages = [
        header,
        json!({"chunk": "MTIz"}),
        json!({"chunk": "NDU="}),
        json!({"finish": {}}),
    ];
    let answers = site
        .grpcurl()
        .stream_of("cellftp.v1.FtpsService/Put", &messages)
        .expect("a file on the server");
    let result = &answers.last().expect("a result")["result"];
    assert_eq!(result["state"], "PUT_STATE_VERIFIED_SIZE", "{answers:#?}");
    assert_holds(&server.local("file"), b"12345");
}
