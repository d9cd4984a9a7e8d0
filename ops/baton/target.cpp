#include "ops/baton/target.hpp"

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

namespace baton::cli {
namespace {

expected<std::string, std::string> url_in(const std::filesystem::path& file) {
  std::ifstream in{file};
  if (!in) {
    return unexpected{"no node seems to run here (" + file.string() +
                      " cannot be read): start one with ops/run, or name a broker with --nats URL"};
  }
  std::stringstream text;
  text << in.rdbuf();
  const auto json = nlohmann::json::parse(text.str(), nullptr, false);
  if (!json.is_object() || !json.contains("url") || !json["url"].is_string()) {
    return unexpected{file.string() + " is damaged: start the node again, or name a broker with --nats URL"};
  }
  return json["url"].get<std::string>();
}

} // namespace

expected<nats::connect_options, std::string> find_target(const target_options& given) {
  nats::connect_options found;
  found.name = "baton";
  found.send_asap = true;
  found.credentials_file = given.credentials_file;
  found.nkey_seed_file = given.nkey_seed_file;
  found.tls_ca_file = given.tls_ca_file;
  found.tls_certificate_file = given.tls_cert_file;
  found.tls_key_file = given.tls_key_file;
  found.url = given.url;
  if (!found.url.empty()) return found;
  auto url = url_in(std::filesystem::path{given.data_dir} / client_file);
  if (!url) return unexpected{std::move(url).error()};
  found.url = *std::move(url);
  return found;
}

} // namespace baton::cli
