/**
 * server.properties of one node that is broker and controller. The session timeout is short, so that a killed broker is
 * taken back seconds after its restart instead of after 9 s.
 */
export function serverProperties({ port, controllerPort, data, partitions, security, overrides }) {
  const client = security === null ? 'PLAINTEXT' : protocolOf(security);
  return {
    'process.roles': 'broker,controller',
    'node.id': '1',
    'controller.quorum.voters': `1@127.0.0.1:${controllerPort}`,
    listeners: `CLIENT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    'advertised.listeners': `CLIENT://127.0.0.1:${port}`,
    'listener.security.protocol.map': `CLIENT:${client},CONTROLLER:PLAINTEXT`,
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': 'CLIENT',
    'log.dirs': data,
    'num.partitions': String(partitions),
    'auto.create.topics.enable': 'false',
    'offsets.topic.replication.factor': '1',
    'offsets.topic.num.partitions': '1',
    'transaction.state.log.replication.factor': '1',
    'transaction.state.log.min.isr': '1',
    'transaction.state.log.num.partitions': '1',
    'share.coordinator.state.topic.replication.factor': '1',
    'share.coordinator.state.topic.min.isr': '1',
    'share.coordinator.state.topic.num.partitions': '1',
    'group.initial.rebalance.delay.ms': '0',
    'group.min.session.timeout.ms': '1000',
    'broker.session.timeout.ms': '2000',
    'broker.heartbeat.interval.ms': '500',
    'num.network.threads': '1',
    'num.io.threads': '2',
    'log.cleaner.dedupe.buffer.size': String(16 * 1024 * 1024),
    ...(security === null ? {} : securityProperties(security)),
    ...overrides,
  };
}

/** Lines of a Java properties file. */
export function propertiesText(properties) {
  return Object.entries(properties)
    .map(([key, value]) => `${key}=${String(value).replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}\n`)
    .join('');
}

function protocolOf({ tls, sasl }) {
  if (sasl) return tls ? 'SASL_SSL' : 'SASL_PLAINTEXT';
  return tls ? 'SSL' : 'PLAINTEXT';
}

function securityProperties({ tls, sasl }) {
  const result = {};
  if (tls) {
    for (const store of ['keystore', 'truststore']) {
      result[`ssl.${store}.type`] = 'PKCS12';
      result[`ssl.${store}.location`] = tls.store;
      result[`ssl.${store}.password`] = tls.password;
    }
    result['ssl.endpoint.identification.algorithm'] = '';
  }
  if (sasl) {
    const mechanism = sasl.mechanism.toUpperCase();
    const login = `username="${sasl.username}" password="${sasl.password}"`;
    const listener = `listener.name.client.${sasl.mechanism}.sasl.jaas.config`;
    result['sasl.enabled.mechanisms'] = mechanism;
    result['sasl.mechanism.inter.broker.protocol'] = mechanism;
    result[listener] =
      mechanism === 'PLAIN'
        ? `org.apache.kafka.common.security.plain.PlainLoginModule required ${login} user_${sasl.username}="${sasl.password}";`
        : `org.apache.kafka.common.security.scram.ScramLoginModule required ${login};`;
  }
  return result;
}
