/* What only workers have, and the page's library of types does not know. */
interface FileSystemSyncAccessHandle {
  read(into: ArrayBufferView, options?: { at?: number }): number;
  write(data: ArrayBufferView, options?: { at?: number }): number;
  truncate(size: number): void;
  flush(): void;
  getSize(): number;
  close(): void;
}
interface FileSystemFileHandle {
  createSyncAccessHandle(): Promise<FileSystemSyncAccessHandle>;
}
declare class FileReaderSync {
  readAsArrayBuffer(blob: Blob): ArrayBuffer;
}
