// SPDX-License-Identifier: MIT
using DeepInfra.Core.Cuda;

namespace DeepInfra.Core.Jit;

/// <summary>Everything that decides what a kernel compiles to. Immutable.</summary>
/// <example>
/// <code>
/// var spec = new KernelSpec("add_one", "extern \"C\" __global__ void add_one(float* x) { x[threadIdx.x] += 1; }", "sm_90a")
/// {
///     EntrySymbol = "add_one",
/// };
/// var kernel = JitKernelCache.Default.Load(spec, Device.Cuda(0));
/// </code>
/// </example>
public sealed class KernelSpec
{
    private readonly Lazy<KernelHash> _hash;
    private readonly string[] _options = [];
    private readonly string? _entryExpression;
    private readonly string? _entrySymbol;

    /// <summary>Describes a kernel.</summary>
    /// <param name="name">A short name for files and messages: letters, digits, '_', '-' and '.'.</param>
    /// <param name="source">CUDA C++ source.</param>
    /// <param name="architecture">The target, such as <c>sm_90a</c>, or <c>compute_90</c> for PTX that the driver finishes; see <see cref="CudaDevice.Architecture"/>.</param>
    /// <exception cref="ArgumentException">A name or target that cannot be.</exception>
    public KernelSpec(string name, string source, string architecture)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        ArgumentException.ThrowIfNullOrEmpty(source);
        ArgumentException.ThrowIfNullOrEmpty(architecture);
        if (name.Length > 100 || name.Any(c => !char.IsAsciiLetterOrDigit(c) && !"_-.".Contains(c)))
            throw new ArgumentException(
                $"name: expected at most 100 letters, digits, '_', '-' and '.', got '{name}'",
                nameof(name)
            );
        _ = CudaArchitecture.NumberOf(architecture);
        Name = name;
        Source = source;
        Architecture = architecture;
        _hash = new Lazy<KernelHash>(ComputeHash);
    }

    /// <summary>The short name.</summary>
    public string Name { get; }

    /// <summary>The source.</summary>
    public string Source { get; }

    /// <summary>The target.</summary>
    public string Architecture { get; }

    /// <summary>Headers that the source includes.</summary>
    public KernelHeaders Headers { get; init; } = KernelHeaders.Empty;

    /// <summary>Options for the compiler beyond target, language standard and default execution space.</summary>
    public IReadOnlyList<string> Options
    {
        get => _options;
        init => _options = [.. value];
    }

    /// <summary>
    /// The kernel as an expression, such as <c>gemm_kernel&lt;128, 64&gt;</c>: it is instantiated and its mangled name is found. Either
    /// this or <see cref="EntrySymbol"/>.
    /// </summary>
    public string? EntryExpression
    {
        get => _entryExpression;
        init => _entryExpression = value;
    }

    /// <summary>The kernel's name if it is declared <c>extern "C"</c>.</summary>
    public string? EntrySymbol
    {
        get => _entrySymbol;
        init => _entrySymbol = value;
    }

    /// <summary>The configuration as text, for people: kept with the result and part of the key.</summary>
    public string Description { get; init; } = "";

    /// <summary>
    /// True if the source uses nothing that only its target has: where the compiler is older than the device and does not know the
    /// target, PTX for the newest one it knows is compiled instead, and the driver finishes it.
    /// </summary>
    public bool IsPortable { get; init; }

    /// <summary>The digest of all of the above.</summary>
    public KernelHash Hash => _hash.Value;

    /// <inheritdoc/>
    public override string ToString() =>
        Description.Length == 0
            ? $"{Name} for {Architecture}"
            : $"{Name} for {Architecture} ({Description})";

    /// <summary>Checks what the initialisers cannot check one by one.</summary>
    internal void Validate()
    {
        if (string.IsNullOrEmpty(_entryExpression) == string.IsNullOrEmpty(_entrySymbol))
            throw new ArgumentException(
                $"spec: expected either EntryExpression or EntrySymbol for {Name}, got {(string.IsNullOrEmpty(_entrySymbol) ? "neither" : "both")}"
            );
    }

    private KernelHash ComputeHash() =>
        KernelHash.Of([
            Name,
            Source,
            Architecture,
            Headers.Hash.ToString(),
            _entryExpression ?? "",
            _entrySymbol ?? "",
            Description,
            IsPortable ? "portable" : "",
            .. _options,
        ]);
}
