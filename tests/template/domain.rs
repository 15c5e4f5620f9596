//! The operator's own domain, and what follows it.

use serde_json::json;

use super::{FEW, Template, reference, set};

const DOMAIN: &[&str] =
    &["DomainName=login.example.com", "CertificateArn=arn:aws:acm:eu-central-1:123456789012:certificate/0b1c"];

/// The outputs and the resources that a domain brings.
const OUTPUTS: [&str; 3] = ["PageUrl", "RegionalDomainName", "RegionalHostedZoneId"];
const RESOURCES: [&str; 2] = ["Domain", "DomainMapping"];

#[test]
fn a_domain_leads_to_the_same_stage_and_its_dns_record_can_be_made() {
    let Some(template) = Template::with(&[FEW, DOMAIN].concat()) else { return };
    let configuration =
        json!({"CertificateArn": reference("CertificateArn"), "EndpointType": "REGIONAL", "SecurityPolicy": "TLS_1_2"});
    assert_eq!(
        template.properties("Domain"),
        &json!({"DomainName": reference("DomainName"), "DomainNameConfigurations": [configuration]})
    );
    assert_eq!(
        template.properties("DomainMapping"),
        &json!({"DomainName": reference("Domain"), "ApiId": reference("Api"), "Stage": reference("Stage")})
    );
    let outputs = template.section("Outputs");
    for name in ["RegionalDomainName", "RegionalHostedZoneId"] {
        assert_eq!(outputs[name]["Value"], json!({"Fn::GetAtt": ["Domain", name]}));
    }
}

#[test]
fn the_page_follows_the_domain_and_the_issuer_of_receipts_does_not() {
    let issuer = json!({"Fn::GetAtt": ["Api", "ApiEndpoint"]});
    let page = json!({"Fn::Sub": "https://${DomainName}/page"});
    for (parameters, page) in [(FEW.to_vec(), json!("")), ([FEW, DOMAIN].concat(), page)] {
        let Some(template) = Template::with(&parameters) else { return };
        for (name, function) in template.all("AWS::Lambda::Function") {
            let variables = &function["Properties"]["Environment"]["Variables"];
            assert_eq!((&variables["PAGE_URL"], &variables["RECEIPT_ISSUER"]), (&page, &issuer), "{name}");
        }
        let outputs = template.section("Outputs");
        assert_eq!(outputs["Url"]["Value"], issuer);
        assert!(outputs.get("PageUrl").is_none_or(|url| url["Value"] == page));
    }
}

#[test]
fn without_a_domain_nothing_of_it_is_there() {
    let (Some(few), Some(with)) = (Template::few(), Template::with(&[FEW, DOMAIN].concat())) else { return };
    for (section, names) in [("Resources", set(RESOURCES)), ("Outputs", set(OUTPUTS))] {
        let (few, with) = (few.section(section), with.section(section));
        let added = with.into_keys().filter(|name| !few.contains_key(name)).collect();
        assert_eq!(names, added, "{section}");
    }
}
