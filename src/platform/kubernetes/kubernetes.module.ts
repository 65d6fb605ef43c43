import { Module, type OnApplicationShutdown } from '@nestjs/common';
import { ClusterConnection } from './cluster-connection.js';
import { kubernetesSettings, type KubernetesSettings } from './settings.js';

/** The one connection of the process to its cluster. Nothing is connected before it is used. */
@Module({
  providers: [
    {
      provide: ClusterConnection,
      inject: [kubernetesSettings.token],
      useFactory: (settings: KubernetesSettings) => new ClusterConnection(settings),
    },
  ],
  exports: [ClusterConnection],
})
export class KubernetesModule implements OnApplicationShutdown {
  constructor(private readonly connection: ClusterConnection) {}

  async onApplicationShutdown(): Promise<void> {
    await this.connection.close();
  }
}
