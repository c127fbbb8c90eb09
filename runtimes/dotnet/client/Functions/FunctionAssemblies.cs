using System;
using System.IO;
using System.Linq;
using System.Reflection;
using System.Runtime.Loader;

namespace Kubelambda.Functions
{
    /// <summary>
    /// The function's assemblies in a load context of their own, so that none of its versions meets the client's.
    /// Contract: what the package's deps.json names is found as `dotnet` finds it, native libraries and cultures as
    /// well; then what lies in the task root; .NET's own assemblies are shared, unless the package has a newer one.
    /// </summary>
    public sealed class FunctionAssemblies : AssemblyLoadContext
    {
        readonly string root;
        readonly AssemblyDependencyResolver resolver;
        readonly Action<Assembly> whenLoaded;

        /// <summary>`whenLoaded` is called with each assembly of the function.</summary>
        public FunctionAssemblies(string root, string mainFile, Action<Assembly> whenLoaded) : base("function")
        {
            this.root = root;
            this.whenLoaded = whenLoaded;
            resolver = new AssemblyDependencyResolver(mainFile);
            Resolving += (_, wanted) => LoadCompatible(wanted);
        }

        protected override Assembly Load(AssemblyName wanted)
        {
            var path = resolver.ResolveAssemblyToPath(wanted) ?? InRoot(wanted);
            return path == null || IsSuperseded(wanted.Name, path) ? null : LoadFile(path);
        }

        protected override IntPtr LoadUnmanagedDll(string name)
        {
            var path = resolver.ResolveUnmanagedDllToPath(name);
            return path == null ? IntPtr.Zero : LoadUnmanagedDllFromPath(path);
        }

        Assembly LoadFile(string path)
        {
            var assembly = LoadFromAssemblyPath(path);
            whenLoaded(assembly);
            return assembly;
        }

        string InRoot(AssemblyName wanted)
        {
            var path = Path.Combine(root, wanted.CultureName ?? "", wanted.Name + ".dll");
            return File.Exists(path) ? path : null;
        }

        /// <summary>Whether .NET has the assembly itself, in the same version or a newer one: `dotnet` takes that too.</summary>
        static bool IsSuperseded(string name, string path)
        {
            var own = ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES") ?? "")
                .Split(Path.PathSeparator)
                .FirstOrDefault(one => Path.GetFileNameWithoutExtension(one.AsSpan()).Equals(name, StringComparison.OrdinalIgnoreCase));
            return own != null && AssemblyName.GetAssemblyName(own).Version >= AssemblyName.GetAssemblyName(path).Version;
        }

        /// <summary>Assemblies of the .NET Framework that .NET lacks, for packages of the time when mono ran them.</summary>
        Assembly LoadCompatible(AssemblyName wanted)
        {
            var path = Path.Combine(AppContext.BaseDirectory, "compatibility", wanted.Name + ".dll");
            return File.Exists(path) ? LoadFromAssemblyPath(path) : null;
        }
    }
}
