// SPDX-License-Identifier: MIT
namespace DeepInfra.Fs;

/// <summary>
/// A file system for data processing: random-access files, atomic renames and listings. The implementations are
/// <see cref="LocalFileSystem"/> (a directory) and the 3FS client; code written against the interface runs on both.
/// <para>
/// Paths are '/'-separated and relative to the file system's root, with or without a leading '/'; see
/// <see cref="FileSystemPath"/>. Names are compared by their bytes.
/// </para>
/// <para>
/// Failures are reported with the classes of the base library: <see cref="FileNotFoundException"/>,
/// <see cref="DirectoryNotFoundException"/>, <see cref="UnauthorizedAccessException"/>, <see cref="IOException"/> and
/// so on. On 3FS their inner exception is a <see cref="ThreeFsException"/> with the status code.
/// </para>
/// <para>Implementations are thread-safe.</para>
/// </summary>
public interface IFileSystem
{
    /// <summary>Opens an existing file for reading.</summary>
    /// <param name="path">The file.</param>
    /// <param name="cancellationToken">Gives the operation up.</param>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    ValueTask<FileHandle> OpenReadAsync(string path, CancellationToken cancellationToken = default);

    /// <summary>Opens an existing file for reading and writing; its content stays.</summary>
    /// <param name="path">The file.</param>
    /// <param name="cancellationToken">Gives the operation up.</param>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    ValueTask<FileHandle> OpenWriteAsync(
        string path,
        CancellationToken cancellationToken = default
    );

    /// <summary>Creates an empty file and opens it for reading and writing. The parent directory must exist.</summary>
    /// <param name="path">The file.</param>
    /// <param name="overwrite">Whether an existing file is emptied; otherwise it is an error.</param>
    /// <param name="cancellationToken">Gives the operation up.</param>
    /// <exception cref="DirectoryNotFoundException">The parent directory does not exist.</exception>
    /// <exception cref="IOException">The file exists and <paramref name="overwrite"/> is false, or it is a directory.</exception>
    ValueTask<FileHandle> CreateAsync(
        string path,
        bool overwrite = true,
        CancellationToken cancellationToken = default
    );

    /// <summary>Lists a directory in the byte order of names.</summary>
    /// <param name="path">The directory; "" or "/" is the root.</param>
    /// <param name="recursive">Whether directories below are listed too, each before its content.</param>
    /// <param name="cancellationToken">Ends the listing.</param>
    /// <exception cref="DirectoryNotFoundException">There is no such directory.</exception>
    IAsyncEnumerable<FileSystemEntry> ListAsync(
        string path,
        bool recursive = false,
        CancellationToken cancellationToken = default
    );

    /// <summary>Describes a file or directory, following symbolic links; null when there is none.</summary>
    /// <param name="path">The file or directory.</param>
    /// <param name="cancellationToken">Gives the operation up.</param>
    ValueTask<FileSystemEntry?> TryStatAsync(
        string path,
        CancellationToken cancellationToken = default
    );

    /// <summary>Deletes a file, a symbolic link or a directory.</summary>
    /// <param name="path">What to delete.</param>
    /// <param name="recursive">Whether a directory goes with its content; otherwise it must be empty.</param>
    /// <param name="cancellationToken">Gives the operation up.</param>
    /// <returns>True when something was deleted, false when there was nothing.</returns>
    /// <exception cref="IOException">The directory is not empty and <paramref name="recursive"/> is false.</exception>
    ValueTask<bool> DeleteAsync(
        string path,
        bool recursive = false,
        CancellationToken cancellationToken = default
    );

    /// <summary>
    /// Renames a file or directory. The step is atomic: others see the old state or the new one. A file replaces an
    /// existing file at the destination; anything else in the way is an error, except that 3FS lets a directory
    /// replace an empty one.
    /// </summary>
    /// <param name="source">The present path.</param>
    /// <param name="destination">The new path; its parent must exist.</param>
    /// <param name="cancellationToken">Gives the operation up.</param>
    /// <exception cref="FileNotFoundException">The source does not exist.</exception>
    ValueTask RenameAsync(
        string source,
        string destination,
        CancellationToken cancellationToken = default
    );

    /// <summary>Creates a directory and its missing parents; an existing directory is fine.</summary>
    /// <param name="path">The directory.</param>
    /// <param name="cancellationToken">Gives the operation up.</param>
    /// <exception cref="IOException">A file is in the way.</exception>
    ValueTask CreateDirectoryAsync(string path, CancellationToken cancellationToken = default);

    /// <summary>
    /// The path under which the operating system knows the file, for tools that cannot read through this interface;
    /// null when there is none.
    /// </summary>
    /// <param name="path">The file or directory; it need not exist.</param>
    string? TryGetLocalPath(string path);
}
